// What a command of QMP may be refused with.

export type ErrorClass = 'GenericError' | 'CommandNotFound' | 'DeviceNotFound' | 'DeviceNotActive';

export class QmpError extends Error {
  readonly errorClass: ErrorClass;

  constructor(errorClass: ErrorClass, description: string) {
    super(description);
    this.errorClass = errorClass;
  }
}

export function refused(description: string): QmpError {
  return new QmpError('GenericError', description);
}
