/** What a command gets from the process, so that tests can give something else. */

/** The part of a standard stream that commands use. */
export interface Output {
  readonly isTTY?: boolean | undefined;
  write(text: string | Uint8Array, done?: () => void): boolean;
}

export interface Context {
  /** Aborts when the user interrupts. */
  signal: AbortSignal;
  /** Read where a file is called `-`. */
  stdin?: AsyncIterable<Uint8Array> | undefined;
  /** Data. */
  stdout: Output;
  /** Everything else. */
  stderr: NodeJS.WriteStream;
}

/** Writes text to standard output and waits until it has left. */
export function print({ stdout }: Context, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    stdout.write(text, () => resolve());
  });
}

/** Tells something beside the result: a line on standard error, under the program's name as errors are. */
export function note({ stderr }: Context, text: string): void {
  stderr.write(`h2q: ${text}\n`);
}

/** Says what was written: nothing where standard output is what was written to. */
export async function tell(context: Context, output: string, text: string): Promise<void> {
  if (output !== '-') await print(context, `${text}\n`);
}

export function printJson(context: Context, document: unknown): Promise<void> {
  return print(context, `${JSON.stringify(document)}\n`);
}
