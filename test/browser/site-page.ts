/** What a visitor of the page does and sees. */

import { decode } from 'fast-png';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Route } from '../../site/src/data.js';

export async function ready(page: Page): Promise<void> {
  await page.waitForSelector('body[data-ready]');
  await expect.poll(() => hitsOf(page)).toHaveLength(20);
}

export interface Hit {
  row: number;
  distance: number;
}

export function hitsOf(page: Page): Promise<Hit[]> {
  return page.locator('#hits li[data-row]').evaluateAll((items) =>
    items.map((item) => ({
      row: Number((item as HTMLElement).dataset['row']),
      distance: Number(item.querySelector('.distance')?.textContent),
    })),
  );
}

/** Does something, and waits for other neighbours than before. */
export async function otherHits(page: Page, act: () => Promise<unknown>): Promise<Hit[]> {
  const before = await hitsOf(page);
  await act();
  await expect.poll(() => hitsOf(page), { timeout: 10_000 }).not.toEqual(before);
  return hitsOf(page);
}

export const isSorted = (hits: Hit[]) =>
  hits.every(({ distance }, i) => i === 0 || hits[i - 1]!.distance <= distance);

/** Learns, and waits until what was learnt can be used and was judged. */
export async function learn(page: Page, bits: number, solver: string, route: Route): Promise<void> {
  await page.locator(`input[name=learn-route][value=${route}]`).check();
  await page.locator(`input[name=learn-bits][value="${bits}"]`).check();
  await page.locator(`input[name=solver][value=${solver}]`).check();
  await page.locator('#learn-start').click();
  const status = page.locator('#learn-status');
  await expect.poll(() => status.textContent(), { timeout: 60_000 }).toMatch(/^Learnt in \d+ epochs/);
  const precision = page.getByTestId(`precision-${route}-learnt-${bits}`);
  await expect.poll(() => precision.textContent(), { timeout: 60_000 }).toMatch(/^0\.\d+$/);
}

interface WithLongTasks {
  longTasks: { observer: PerformanceObserver; durations: number[] };
}

/** Has a page note its long tasks, those of over 50 ms, from its beginning. */
export async function watchLongTasks(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const durations: number[] = [];
    const observer = new PerformanceObserver((list) => {
      durations.push(...list.getEntries().map(({ duration }) => duration));
    });
    observer.observe({ type: 'longtask' });
    Object.assign(globalThis, { longTasks: { observer, durations } });
  });
}

/** The longest task of a page's main thread while `act` is under way, in milliseconds; 0 where none is over 50. */
export async function longestTask(page: Page, act: () => Promise<unknown>): Promise<number> {
  const take = () =>
    page.evaluate(async () => {
      // Later than all that is waiting now.
      await new Promise((resolve) => requestAnimationFrame(resolve));
      await new Promise((resolve) => setTimeout(resolve));
      const { observer, durations } = (globalThis as unknown as WithLongTasks).longTasks;
      durations.push(...observer.takeRecords().map(({ duration }) => duration));
      return Math.max(0, ...durations.splice(0));
    });
  // What has led here is not to count.
  await take();
  await act();
  return take();
}

/** By how much the page is wider than its window; what scrolls by itself is none of that. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => Math.max(0, document.scrollingElement!.scrollWidth - innerWidth));
}

/** What a PNG looks like: its different colours, and the lightness of its lower left corner from 0 to 1. */
export function look(png: Uint8Array) {
  const { width, height, data, channels } = decode(png);
  const colours = new Set<number>();
  for (let i = 0; i < data.length; i += channels)
    colours.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
  const corner = (height - 1) * width * channels;
  const lightness = (data[corner]! + data[corner + 1]! + data[corner + 2]!) / 3 / 255;
  return { width, height, colours: colours.size, lightness };
}
