/** Bytes without a path as a temporary file, for formats that must be read from one. */

import { randomBytes } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { H2qError } from '../errors.js';
import { nextBytes } from '../io/stream.js';
import type { ByteSource, OpenSource } from '../platform.js';
import { sourceOf, temporaries } from './files.js';

/** Bytes in memory at a time. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Copies all of `source` into the folder for temporary files. The copy is gone when the result is closed, and when
 * anything fails before.
 *
 * @param file the name for errors
 * @throws FILE_UNREADABLE, `signal.reason`
 */
export async function copySource(
  source: ByteSource,
  file: string,
  signal?: AbortSignal,
): Promise<OpenSource & { path: string }> {
  const path = join(tmpdir(), `h2q-${randomBytes(6).toString('hex')}.tmp`);
  const handle = await open(path, 'wx+', 0o600).catch((cause) => {
    throw notCopied(file, cause);
  });
  temporaries.add(path);
  const remove = async () => {
    await handle.close();
    if (temporaries.delete(path)) await unlink(path);
  };
  try {
    let size = 0;
    for (;;) {
      signal?.throwIfAborted();
      const bytes = await nextBytes(source, size, CHUNK_BYTES);
      if (bytes.length === 0) break;
      await handle.appendFile(bytes).catch((cause) => {
        throw notCopied(file, cause);
      });
      size += bytes.length;
    }
    return { ...sourceOf(handle, size, file), path, close: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function notCopied(file: string, cause: unknown): H2qError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new H2qError(
    'FILE_UNREADABLE',
    `${file}: cannot be copied to ${tmpdir()}, to be read there: ${reason}`,
    {
      details: { file },
      cause,
    },
  );
}
