/** Runs the built program as a user does, in a folder of its own. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach } from 'vitest';
import { type NpyType, npyHeader } from '../../ts/io/npy.js';
import { concat, seededRandom } from '../io/memory.js';
import { type Outcome, outcomeOf } from '../outcome.js';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A folder that lives as long as one test. */
export class Workplace {
  path = '';
  /** Of the process, such as a limit of its memory. */
  nodeFlags: string[] = [];
  /** Added to the environment of the process. */
  env: NodeJS.ProcessEnv = {};

  constructor() {
    beforeEach(() => {
      this.nodeFlags = [];
      this.env = {};
      this.path = mkdtempSync(join(tmpdir(), 'h2q-cli-'));
    });
    afterEach(() => rmSync(this.path, { recursive: true }));
  }

  start(...args: string[]): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, [...this.nodeFlags, PROGRAM, ...args], {
      cwd: this.path,
      env: { ...process.env, ...this.env },
    });
  }

  run(...args: string[]): Promise<Outcome> {
    return outcomeOf(this.start(...args));
  }

  /** Runs a command that must succeed and returns its standard output. */
  async succeed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`h2q ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  list(): string[] {
    return readdirSync(this.path).sort();
  }

  write(name: string, ...parts: ArrayBufferView[]): void {
    writeFileSync(join(this.path, name), concat(...parts));
  }

  writeNpy(name: string, type: NpyType, shape: number[], data: ArrayBufferView): void {
    this.write(name, npyHeader(type, shape), data);
  }

  read(name: string): Buffer {
    return readFileSync(join(this.path, name));
  }

  /** Seeded float32 vectors. */
  writeVectors(name: string, rows: number, columns: number, seed = 1): Float32Array {
    const values = randomValues(rows * columns, seed);
    this.writeNpy(name, 'f4', [rows, columns], values);
    return values;
  }

  /** Header text and data of an `.npy`, the data as a buffer that starts at its offset 0. */
  readNpy(name: string): { header: string; data: ArrayBuffer } {
    const bytes = readFileSync(join(this.path, name));
    const dataOffset = 10 + bytes.readUInt16LE(8);
    return {
      header: bytes.toString('latin1', 10, dataOffset).trimEnd(),
      data: Uint8Array.from(bytes.subarray(dataOffset)).buffer,
    };
  }
}

/** Values of mean 0, with coordinates of unequal scale so that a fit has something to do. */
export function randomValues(count: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, (_, i) => (random() + random() - 1) * (1 + (i % 7)));
}
