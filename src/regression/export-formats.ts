export const exportFormats = ['json', 'junit', 'github', 'prometheus'] as const;
export type ExportFormat = (typeof exportFormats)[number];
