/** Has a page do something that it exposes: see app/scenarios.ts. */

import type { Page } from 'playwright-core';
import { fromText, toText } from './app/carry.js';
import type { Scenarios } from './app/scenarios.js';

type Playing = { play(name: string, argument: string): Promise<string> };

export function player<S extends Scenarios>(page: Page) {
  return async <Name extends keyof S & string>(
    name: Name,
    ...[argument]: Parameters<S[Name]>
  ): Promise<Awaited<ReturnType<S[Name]>>> => {
    const text = await page.evaluate(
      ([name, argument]) => (globalThis as unknown as Playing).play(name, argument),
      [name, toText(argument ?? null)] as const,
    );
    return fromText<Awaited<ReturnType<S[Name]>>>(text);
  };
}
