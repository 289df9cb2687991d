/**
 * The part of vitest that the conformance suite asks for, where vitest itself does not run: Vite puts this in its
 * place. Tests are collected, then run in their order, each to its own result. The assertions are vitest's own.
 */

import {
  ASYMMETRIC_MATCHERS_OBJECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
} from '@vitest/expect';
import * as chai from 'chai';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

/** Put together as vitest does it: `any`, `objectContaining` and so on, and their opposites. */
export const expect = Object.assign(
  (value: unknown, message?: string) => chai.expect(value, message),
  chai.expect,
  (globalThis as unknown as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT],
);

/** How a test ended. */
export interface Outcome {
  /** With the names of the suites around it. */
  name: string;
  /** What it failed with. */
  error?: string;
}

type Body = (...args: unknown[]) => unknown;

interface Test {
  name: string;
  body: Body;
}

interface Suite {
  name: string;
  preparations: Body[];
  children: (Suite | Test)[];
}

const TEST_TIMEOUT = 30_000;
const PREPARATION_TIMEOUT = 120_000;

const whole: Suite = { name: '', preparations: [], children: [] };
let current = whole;

export function describe(name: string, body: () => void): void {
  const suite: Suite = { name, preparations: [], children: [] };
  const outer = current;
  outer.children.push(suite);
  current = suite;
  body();
  current = outer;
}

export function beforeAll(body: Body): void {
  current.preparations.push(body);
}

function test(name: string, body: Body): void {
  current.children.push({ name, body });
}

/** A row that is an array is a list of arguments. */
function each(rows: readonly unknown[]) {
  return (name: string, body: Body) => {
    for (const row of rows) {
      const args = Array.isArray(row) ? row : [row];
      test(titleOf(name, args), () => body(...args));
    }
  };
}

export const it = Object.assign(test, { each });

function titleOf(name: string, args: readonly unknown[]): string {
  const rest = [...args];
  return name.replace(/%[sj]/g, (kind) => {
    const value = rest.shift();
    return kind === '%j' ? JSON.stringify(value) : String(value);
  });
}

/** Runs all that was collected. */
export async function run(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  await runSuite(whole, [], undefined, outcomes);
  return outcomes;
}

/** `failed` is the preparation around it that failed: no test of the suite can run then, and all fail by it. */
async function runSuite(suite: Suite, path: string[], failed: string | undefined, outcomes: Outcome[]) {
  let error = failed;
  for (const prepare of suite.preparations) error ??= await errorOf(prepare, PREPARATION_TIMEOUT);
  for (const child of suite.children) {
    const names = [...path, child.name];
    if ('children' in child) {
      await runSuite(child, names, error, outcomes);
      continue;
    }
    const ownError = error ?? (await errorOf(child.body, TEST_TIMEOUT));
    outcomes.push({ name: names.join(' > '), ...(ownError !== undefined && { error: ownError }) });
  }
}

async function errorOf(body: Body, timeout: number): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${timeout} ms`)), timeout);
  });
  try {
    await Promise.race([body(), tooLong]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } finally {
    clearTimeout(timer);
  }
}
