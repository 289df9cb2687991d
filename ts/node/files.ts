/** Paths as sources of bytes, and files that appear complete or not at all. */

import { randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { access, constants, type FileHandle, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { H2qError } from '../errors.js';
import { formatError } from '../io/npy.js';
import type { OpenSource, PendingFile } from '../platform.js';

/** Most that the system reads in one call. */
const MAX_READ_BYTES = 2 ** 30;

/** Temporary files that exist now. */
const temporaries = new Set<string>();

/** Removes what an exit without further turns of the event loop would leave behind. */
export function removeTemporaryFiles(): void {
  for (const path of temporaries) {
    try {
      unlinkSync(path);
    } catch {
      // Gone already, which is what was wanted.
    }
  }
  temporaries.clear();
}

export async function openSource(path: string): Promise<OpenSource> {
  try {
    const handle = await open(path, 'r');
    const stats = await handle.stat();
    if (stats.isFile()) return sourceOf(handle, stats.size, path);
    await handle.close();
  } catch (cause) {
    throw readError(path, cause);
  }
  throw new H2qError('FILE_UNREADABLE', `${path}: not a regular file`, { details: { file: path } });
}

function sourceOf(handle: FileHandle, byteLength: number, path: string): OpenSource {
  const slice = async (start: number, end: number) => {
    const bytes = new Uint8Array(end - start);
    let filled = 0;
    while (filled < bytes.length) {
      const length = Math.min(bytes.length - filled, MAX_READ_BYTES);
      const { bytesRead } = await handle.read(bytes, filled, length, start + filled).catch((cause) => {
        throw readError(path, cause);
      });
      if (bytesRead === 0) throw formatError(path, `truncated while it was read, at byte ${start + filled}`);
      filled += bytesRead;
    }
    return bytes;
  };
  return { byteLength, slice, close: () => handle.close() };
}

export async function checkWritable(path: string): Promise<void> {
  const { isDirect } = await inspect(path);
  if (isDirect) return;
  const file = await createFile(path);
  await file.discard();
}

/**
 * A temporary file beside `path` (a rename within a folder is atomic). Devices and pipes are written
 * directly, symbolic links keep pointing where they did.
 */
export async function createFile(path: string): Promise<PendingFile> {
  const { target, isDirect, mode } = await inspect(path);
  try {
    if (isDirect) return directFile(await open(target, 'w'), path);
    const temporary = join(dirname(target), `.h2q-${randomBytes(6).toString('hex')}.tmp`);
    const handle = await open(temporary, 'wx', mode);
    temporaries.add(temporary);
    return temporaryFile(handle, temporary, target, path);
  } catch (cause) {
    throw writeError(path, cause);
  }
}

interface Target {
  target: string;
  /** A device or a pipe, which cannot be renamed over. */
  isDirect: boolean;
  /** Of the file that is replaced. */
  mode: number | undefined;
}

async function inspect(path: string): Promise<Target> {
  try {
    const target = await realpath(path).catch(() => path);
    const existing = await stat(target).catch(() => undefined);
    if (path === '') throw new Error('the name is empty');
    if (existing?.isDirectory()) throw new Error('is a folder');
    if (existing) await access(target, constants.W_OK);
    return { target, isDirect: existing !== undefined && !existing.isFile(), mode: existing?.mode };
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function temporaryFile(handle: FileHandle, temporary: string, target: string, path: string): PendingFile {
  let isOpen = true;
  const close = async () => {
    if (isOpen) await handle.close();
    isOpen = false;
  };
  return named(path, {
    write: (bytes) => handle.appendFile(bytes),
    flush: async () => {
      await handle.sync();
      await close();
    },
    commit: async () => {
      await rename(temporary, target);
      temporaries.delete(temporary);
      await syncFolder(dirname(target));
    },
    discard: async () => {
      await close();
      if (temporaries.delete(temporary)) await unlink(temporary);
    },
  });
}

function directFile(handle: FileHandle, path: string): PendingFile {
  let isOpen = true;
  const close = async () => {
    if (isOpen) await handle.close();
    isOpen = false;
  };
  return named(path, {
    write: (bytes) => handle.appendFile(bytes),
    flush: close,
    commit: close,
    discard: close,
  });
}

/** The file with errors that name it. */
function named(path: string, file: PendingFile): PendingFile {
  const withName = async (done: Promise<void>) => {
    try {
      await done;
    } catch (cause) {
      throw writeError(path, cause);
    }
  };
  return {
    write: (bytes) => withName(file.write(bytes)),
    flush: () => withName(file.flush()),
    commit: () => withName(file.commit()),
    discard: () => withName(file.discard()),
  };
}

/** Puts a rename on the disk. Some systems cannot open folders; the rename is atomic there too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

function readError(path: string, cause: unknown): unknown {
  if (cause instanceof H2qError) return cause;
  const isMissing = ['ENOENT', 'ENOTDIR'].includes(systemCode(cause));
  const problem = isMissing ? 'no such file' : `cannot be read: ${reason(cause)}`;
  const code = isMissing ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE';
  return new H2qError(code, `${path}: ${problem}`, { details: { file: path }, cause });
}

function writeError(path: string, cause: unknown): H2qError {
  return new H2qError('FILE_UNWRITABLE', `${path}: cannot be written: ${reason(cause)}`, {
    details: { file: path },
    cause,
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder is not a folder',
  EISDIR: 'is a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'read-only file system',
  ENOSPC: 'no space left on the device',
};

function reason(cause: unknown): string {
  return REASONS[systemCode(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
}

function systemCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}
