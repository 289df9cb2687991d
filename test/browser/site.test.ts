/** The page of `npm run site`, as a visitor uses it: pointer, keys, files, and no network. */

import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../../scripts/lib/root.mjs';
import { npyHeader } from '../../ts/io/npy.js';
import { randomMatrix } from '../conformance/matrices.js';
import { concat } from '../io/memory.js';
import { outputOf } from '../package/npm.js';
import { newPage, obstacle, skipWithoutChromium, type WatchedPage } from './chromium.js';
import { serve } from './server.js';

skipWithoutChromium();

let address: string;
beforeAll(async () => {
  if (obstacle !== undefined) return;
  // Not as a test: Vite would take that for development, where the page keeps nothing.
  const env = { ...process.env, NODE_ENV: 'production' };
  await outputOf(root, env, process.execPath, 'scripts/site.mjs', '--build');
  address = await serve(join(root, 'site/dist'));
  // Making the page's data takes a minute the first time.
}, 600_000);

let watched: WatchedPage | undefined;
afterEach(async () => {
  const complaints = watched?.complaints ?? [];
  await watched?.page.context().close();
  watched = undefined;
  expect(complaints).toEqual([]);
});

/** Opens the page and waits until it can be used. */
async function open(options: Parameters<typeof newPage>[0] = {}): Promise<Page> {
  watched = await newPage(options);
  await watched.page.goto(`${address}/`);
  await ready(watched.page);
  return watched.page;
}

async function ready(page: Page): Promise<void> {
  await page.waitForSelector('body[data-ready]');
  await expect.poll(() => hitsOf(page)).toHaveLength(20);
}

interface Hit {
  row: number;
  distance: number;
}

function hitsOf(page: Page): Promise<Hit[]> {
  return page.locator('#hits li[data-row]').evaluateAll((items) =>
    items.map((item) => ({
      row: Number((item as HTMLElement).dataset['row']),
      distance: Number(item.querySelector('.distance')?.textContent),
    })),
  );
}

/** Does something, and waits for other neighbours than before. */
async function otherHits(page: Page, act: () => Promise<unknown>): Promise<Hit[]> {
  const before = await hitsOf(page);
  await act();
  await expect.poll(() => hitsOf(page), { timeout: 10_000 }).not.toEqual(before);
  return hitsOf(page);
}

const isSorted = (hits: Hit[]) =>
  hits.every(({ distance }, i) => i === 0 || hits[i - 1]!.distance <= distance);

describe('neighbours', () => {
  let page: Page;
  beforeEach(async () => {
    if (obstacle === undefined) page = await open();
  });

  it('are those of the image under the pointer, nearest first', async () => {
    // The first move of all has come from nowhere, and the page only follows a pointer that moves.
    await page.mouse.move(1, 1);
    const images = page.getByRole('option');
    for (const image of [4, 11, 29]) {
      const hits = await otherHits(page, () => images.nth(image).hover());
      expect(isSorted(hits)).toBe(true);
      expect(await images.nth(image).getAttribute('aria-selected')).toBe('true');
    }
    expect(await page.locator('#search-time').textContent()).toMatch(
      /^60,000 codes searched in [\d.,<≤ ]+ ms/,
    );
  });

  it('are others by another method, by other bits, and of a drawing', async () => {
    await otherHits(page, () => page.getByRole('radio', { name: 'Plain sign' }).check());
    const few = await otherHits(page, () => page.locator('#bits').getByRole('radio', { name: '16' }).check());
    expect(Math.max(...few.map(({ distance }) => distance))).toBeLessThanOrEqual(16);
    await page.locator('#drawing').scrollIntoViewIfNeeded();
    const { x, y, width, height } = (await page.locator('#drawing').boundingBox())!;
    await otherHits(page, async () => {
      await page.mouse.move(x + width / 4, y + height / 4);
      await page.mouse.down();
      await page.mouse.move(x + width / 2, y + height / 2, { steps: 4 });
      await page.mouse.up();
    });
    expect(await page.locator('[role=option][aria-selected=true]').count()).toBe(0);
  });

  it('are found by keys alone, and told to who cannot see them', async () => {
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('role'));
    for (let i = 0; i < 20 && (await focused()) !== 'option'; i++) await page.keyboard.press('Tab');
    expect(await focused()).toBe('option');
    await otherHits(page, () => page.keyboard.press('ArrowRight'));
    expect(await page.getByRole('option').nth(1).getAttribute('aria-selected')).toBe('true');
    const status = page.locator('#search-status[role=status]');
    await expect.poll(() => status.textContent(), { timeout: 10_000 }).toMatch(/a held-out .+: \d+ /);
    await page.keyboard.press('Tab');
    await otherHits(page, () => page.keyboard.press('Delete'));
    await otherHits(page, async () => {
      for (let i = 0; i < 6; i++) await page.keyboard.press('Shift+ArrowDown');
    });
  });
});

describe('learning', () => {
  it('shows every step, and what was learnt searches', async () => {
    const page = await open();
    await page.evaluate(() => {
      const seen = new Set<string>();
      const charts = document.querySelector('#learn-charts')!;
      const look = () => {
        const epoch = /Epoch \d+/.exec(charts.textContent ?? '')?.[0];
        if (epoch) seen.add(epoch);
      };
      new MutationObserver(look).observe(charts, { subtree: true, childList: true, characterData: true });
      Object.assign(globalThis, { seen });
    });
    await page.locator('#learn-start').click();
    const status = page.locator('#learn-status');
    await expect.poll(() => status.textContent(), { timeout: 60_000 }).toMatch(/^Learnt in \d+ epochs/);
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: Set<string> }).seen.size);
    expect(seen).toBeGreaterThan(2);
    await otherHits(page, () => page.locator('#learn-use').click({ timeout: 60_000 }));
    expect(await page.locator('#method-learnt').isChecked()).toBe(true);
  }, 180_000);

  it('stops when told to', async () => {
    const page = await open();
    await page.locator('input[name=solver][value=sgd]').check();
    await page.locator('#learn-start').click();
    await page.locator('#learn-abort:enabled').click();
    const status = page.locator('#learn-status');
    await expect.poll(() => status.textContent(), { timeout: 10_000 }).toMatch(/^Stopped after \d+ epochs/);
    expect(await page.locator('#learn-start').isEnabled()).toBe(true);
  });
});

describe('a file', () => {
  const give = (page: Page, name: string, buffer: Uint8Array) => {
    const file = { name, mimeType: 'application/octet-stream', buffer: Buffer.from(buffer) };
    return page.locator('#own-file').setInputFiles(file);
  };

  it('that is none of vectors is told, by an alert, and another is taken', async () => {
    const page = await open();
    const alert = page.getByRole('alert');
    expect(await alert.isVisible()).toBe(false);
    await give(page, 'mine.npy', Uint8Array.of(1, 2, 3));
    await alert.waitFor();
    expect(await alert.textContent()).toContain('mine.npy');

    const { data, columns } = randomMatrix(300, 1);
    await give(page, 'mine.npy', concat(npyHeader('f4', [300, columns]), data));
    const hits = page.locator('#own-hits li');
    await expect.poll(() => hits.count(), { timeout: 20_000 }).toBe(10);
    expect(await alert.isVisible()).toBe(false);
    expect(await hits.first().textContent()).toMatch(/^row 0\s*distance 0$/);
  });
});

it('works without a network once it was loaded', async () => {
  const page = await open();
  await page.locator('#offline[data-ready=true]').waitFor();
  await page.context().setOffline(true);
  await page.reload();
  await ready(page);
  await otherHits(page, () => page.getByRole('option').nth(7).click());
});

it.each(['light', 'dark'] as const)('fits a phone, %s', async (colorScheme) => {
  const page = await open({ viewport: { width: 360, height: 740 }, colorScheme });
  // Tables may scroll by themselves; the page may not.
  const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(tooWide).toBeLessThanOrEqual(0);
  const lightness = await page.evaluate(() => {
    const [red = 0, green = 0, blue = 0] = (
      getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g) ?? []
    ).map(Number);
    return (red + green + blue) / 3 / 255;
  });
  expect(lightness > 0.5).toBe(colorScheme === 'light');
});
