// A command that is stopped leaves no lab behind.
/** Disposes of it, and ends, when this process is told to end. */
export function endWith(lab: AsyncDisposable): void {
  const end = async (): Promise<void> => {
    try {
      await lab[Symbol.asyncDispose]();
    } finally {
      process.exit(130);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void end());
}
