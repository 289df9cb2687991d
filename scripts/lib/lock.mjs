import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `task` while no other process holds the lock.
 *
 * The lock is a folder with one empty file named after its owner's process id. It is made under
 * another name and renamed, which fails when the lock exists, so it never lacks its owner. A waiter
 * takes over from a dead owner by renaming the owner's file: of several waiters one succeeds.
 *
 * @template T
 * @param {string} folder
 * @param {() => T | Promise<T>} task
 * @param {(owner: number) => void} onWait called once when another process holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(folder, task, onWait = () => {}) {
  mkdirSync(dirname(folder), { recursive: true });
  for (let waited = false; !create(folder); waited = true) {
    const owner = ownerOf(folder);
    if (owner === null) continue;
    if (!isAlive(owner) && takeOver(folder, owner)) break;
    if (!waited) onWait(owner);
    await sleep(100);
  }
  try {
    return await task();
  } finally {
    release(folder);
  }
}

/** @param {string} folder */
function create(folder) {
  const prepared = mkdtempSync(`${folder}-`);
  writeFileSync(join(prepared, String(process.pid)), '');
  try {
    renameSync(prepared, folder);
    return true;
  } catch (error) {
    rmSync(prepared, { recursive: true });
    // Windows says EPERM for an existing folder.
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'EPERM')) return false;
    throw error;
  }
}

/**
 * @param {string} folder
 * @returns {number | null} null when the lock was released meanwhile
 */
function ownerOf(folder) {
  try {
    const name = readdirSync(folder)[0];
    return name === undefined ? null : Number(name);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/**
 * @param {string} folder
 * @param {number} owner
 */
function takeOver(folder, owner) {
  try {
    renameSync(join(folder, String(owner)), join(folder, String(process.pid)));
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** @param {string} folder */
function release(folder) {
  rmSync(join(folder, String(process.pid)));
  try {
    rmdirSync(folder);
  } catch (error) {
    // Another process may have renamed its own folder over the empty one.
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
  }
}

/**
 * @param {unknown} error
 * @param {string[]} codes
 */
function hasCode(error, ...codes) {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
