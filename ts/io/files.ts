/** Files that appear complete or not at all, on top of the platform. */

import { H2qError } from '../errors.js';
import { type PendingFile, platform } from '../platform.js';

/** {@link writeFiles} for one file. */
export function writeFile<T>(
  path: string,
  fill: (file: PendingFile) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return writeFiles([path], (files) => fill(files[0] as PendingFile), signal);
}

/**
 * Writes several files so that all appear, complete, or none: `fill` writes to temporary files, which
 * get their names at the end. A failure or an abort removes them.
 *
 * @throws FILE_UNWRITABLE, also for two paths of the same file; whatever `fill` throws; `signal.reason`
 * on abort
 */
export async function writeFiles<T>(
  paths: readonly string[],
  fill: (files: PendingFile[]) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const files: PendingFile[] = [];
  try {
    for (const path of paths) files.push(await platform().createFile(path));
    checkDistinct(paths, files);
    const result = await fill(files);
    for (const file of files) await file.flush();
    signal?.throwIfAborted();
    for (const file of files) await file.commit();
    return result;
  } finally {
    for (const file of files) await file.discard();
  }
}

/** The last of two files under one name would replace the first. */
function checkDistinct(paths: readonly string[], files: readonly PendingFile[]): void {
  files.forEach(({ target }, i) => {
    const first = files.findIndex((other) => other.target === target);
    if (first === i) return;
    const problem = `cannot be written: is the same file as ${paths[first]}`;
    throw new H2qError('FILE_UNWRITABLE', `${paths[i]}: ${problem}`, { details: { file: paths[i] } });
  });
}
