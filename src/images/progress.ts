// Runs steps one after the other and shows how far they are: live on a terminal, plain lines elsewhere. All of it on
// standard error; standard output belongs to the guest.
import type { Step } from './build.js';

export async function runSteps(what: string, steps: readonly Step[], quiet: boolean): Promise<void> {
  if (quiet || !process.stderr.isTTY) {
    for (const step of steps) {
      if (!quiet) process.stderr.write(`beeline: ${what}: ${step.title}\n`);
      await step.run((text) => {
        if (!quiet) process.stderr.write(`beeline: ${what}: ${step.title}: ${text}\n`);
      });
    }
    return;
  }
  process.stderr.write(`beeline: building ${what}\n`);
  // Loaded when needed: most runs build nothing and should start at once.
  const { Listr, ListrLogger, ProcessOutput } = await import('listr2');
  const tasks = new Listr(
    steps.map((step) => ({
      title: step.title,
      task: (_, task) =>
        step.run((text) => {
          task.output = text;
        }),
    })),
    {
      concurrent: false,
      exitOnError: true,
      // We have our own: a first signal ends the steps in order.
      registerSignalListeners: false,
      renderer: 'default',
      rendererOptions: {
        logger: new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) }),
        showErrorMessage: false,
        showSkipMessage: false,
      },
    },
  );
  await tasks.run();
}
