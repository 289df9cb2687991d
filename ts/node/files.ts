/** Paths as sources of bytes, and files that appear complete or not at all. */

import { randomBytes } from 'node:crypto';
import { type Stats, unlinkSync } from 'node:fs';
import {
  access,
  constants,
  type FileHandle,
  open,
  readlink,
  realpath,
  rename,
  stat,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { H2qError } from '../errors.js';
import { formatError } from '../io/npy.js';
import type { OpenSource, PendingFile } from '../platform.js';

/** Most that the system reads in one call. */
const MAX_READ_BYTES = 2 ** 30;
/** Links that lead on to links; the system follows no more either. */
const MAX_LINKS = 40;

/** Temporary files that exist now. */
export const temporaries = new Set<string>();

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
    // Before `open`, which waits for a pipe's writer in a thread that nothing can interrupt.
    checkRegular(await stat(path), path);
    const handle = await open(path, 'r');
    return sourceOf(handle, (await handle.stat()).size, path);
  } catch (cause) {
    throw readError(path, cause);
  }
}

function checkRegular(stats: Stats, path: string): void {
  if (stats.isFile()) return;
  const isFolder = stats.isDirectory();
  const kind = isFolder ? 'a folder' : stats.isFIFO() ? 'a pipe' : stats.isSocket() ? 'a socket' : 'a device';
  const outlook = isFolder ? '' : '; a later release will read streams';
  throw new H2qError('FILE_UNREADABLE', `${path}: is ${kind}, not a regular file${outlook}`, {
    details: { file: path },
  });
}

/** The bytes of an open file; `path` names it in errors. */
export function sourceOf(handle: FileHandle, byteLength: number, path: string): OpenSource {
  const slice = async (start: number, end: number, buffer?: Uint8Array) => {
    const bytes = buffer?.subarray(0, end - start) ?? new Uint8Array(end - start);
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
  return { byteLength, path, slice, close: () => handle.close() };
}

/** Writes a file that must not exist; it is on the disk then. */
export async function createNew(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const handle = await open(path, 'wx');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncFolder(dirname(path));
  } catch (cause) {
    throw writeError(path, cause);
  }
}

export async function checkWritable(path: string): Promise<string> {
  const { target, isDirect } = await inspect(path);
  if (isDirect) return target;
  const file = await createFile(path);
  await file.discard();
  return target;
}

/**
 * A temporary file beside `path` (a rename within a folder is atomic). Devices and pipes are written
 * directly, symbolic links keep pointing where they did.
 */
export async function createFile(path: string): Promise<PendingFile> {
  const place = await inspect(path);
  const { target, isDirect, mode } = place;
  try {
    if (isDirect) return directFile(await open(target, 'w'), target, path);
    const temporary = join(dirname(target), `.h2q-${randomBytes(6).toString('hex')}.tmp`);
    const handle = await open(temporary, 'wx', mode);
    temporaries.add(temporary);
    return temporaryFile(handle, temporary, place, path);
  } catch (cause) {
    throw writeError(path, cause);
  }
}

interface Place {
  /** The file that `path` names in the end. */
  target: string;
  /** A device or a pipe, which cannot be renamed over. */
  isDirect: boolean;
  /** Permissions of the file that is replaced. */
  mode: number | undefined;
}

async function inspect(path: string): Promise<Place> {
  try {
    if (path === '') throw new Error('the name is empty');
    const existing = await stat(path).catch(() => undefined);
    if (existing?.isDirectory() || path.endsWith('/')) throw new Error('is a folder');
    if (existing) await access(path, constants.W_OK);
    if (existing && !existing.isFile()) {
      // The link behind /dev/stdout may lead to a pipe, which has no path.
      const target = await realpath(path).catch(() => path);
      return { target, isDirect: true, mode: undefined };
    }
    const mode = existing && existing.mode & 0o7777;
    return { target: await followLinks(path), isDirect: false, mode };
  } catch (cause) {
    throw writeError(path, cause);
  }
}

/** Where a file written under this name appears, also through links to files that do not exist yet. */
async function followLinks(path: string): Promise<string> {
  let name = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    const place = join(await realpath(dirname(name)), basename(name));
    const next = await readlink(place).catch(() => undefined);
    if (next === undefined) return place;
    name = resolve(dirname(place), next);
  }
  throw new Error('too many symbolic links');
}

function temporaryFile(handle: FileHandle, temporary: string, place: Place, path: string): PendingFile {
  const { target, mode } = place;
  const close = closeOnce(handle);
  return named(path, {
    target,
    write: (bytes) => handle.appendFile(bytes),
    rewrite: async (start) => {
      // At a position of its own, so that the next bytes go on where the last ones ended.
      await handle.write(start, 0, start.length, 0);
    },
    flush: async () => {
      // Exactly as it was: the mode given to `open` went through the umask.
      if (mode !== undefined) await handle.chmod(mode);
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

function directFile(handle: FileHandle, target: string, path: string): PendingFile {
  const close = closeOnce(handle);
  return named(path, {
    target,
    write: (bytes) => handle.appendFile(bytes),
    flush: close,
    commit: close,
    discard: close,
  });
}

function closeOnce(handle: FileHandle): () => Promise<void> {
  let isOpen = true;
  return async () => {
    if (isOpen) await handle.close();
    isOpen = false;
  };
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
  const { rewrite } = file;
  return {
    target: file.target,
    write: (bytes) => withName(file.write(bytes)),
    ...(rewrite ? { rewrite: (start: Uint8Array) => withName(rewrite(start)) } : {}),
    flush: () => withName(file.flush()),
    commit: () => withName(file.commit()),
    discard: () => withName(file.discard()),
  };
}

/** Puts a name on the disk. Some systems cannot open or sync folders; a rename is atomic there too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  try {
    await handle?.sync();
  } catch (cause) {
    if (!['EINVAL', 'ENOTSUP', 'ENOSYS', 'EISDIR', 'EPERM'].includes(systemCode(cause))) {
      throw new Error(`it is there, but may be gone after a crash: ${reason(cause)}`, { cause });
    }
  } finally {
    await handle?.close();
  }
}

/** An error of the system while `path` was read. */
export function readError(path: string, cause: unknown): unknown {
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
  EEXIST: 'is there already',
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
