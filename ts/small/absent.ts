/** What the small module leaves out. */

import { H2qError } from '../errors.js';

/** Throws UNSUPPORTED, naming the entry that has it. */
export function absent(what: string): never {
  const problem = `${what}: not in h2q/search, which encodes and searches alone; take h2q/browser`;
  throw new H2qError('UNSUPPORTED', problem, { details: { what } });
}
