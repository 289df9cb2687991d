/** The page of `npm run site`, as a visitor uses it: pointer, keys, files, and no network. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Page } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../../scripts/lib/root.mjs';
import { shots, takeShot } from '../../scripts/lib/site-screenshots.mjs';
import { npyHeader } from '../../ts/io/npy.js';
import { randomMatrix } from '../conformance/matrices.js';
import { concat } from '../io/memory.js';
import { outputOf } from '../package/npm.js';
import { wasmBytes } from '../wasm.js';
import { newPage, obstacle, skipWithoutChromium, type WatchedPage } from './chromium.js';
import { serve } from './server.js';
import {
  isSorted,
  learn,
  longestTask,
  look,
  otherHits,
  overflow,
  ready,
  watchLongTasks,
} from './site-page.js';
import { addressOf, answerOf, endGroup } from './site-server.js';

skipWithoutChromium();

// Not as a test: Vite would take that for development, where the page keeps nothing.
const env = { ...process.env, NODE_ENV: 'production' };

let address: string;
beforeAll(async () => {
  if (obstacle !== undefined) return;
  await outputOf(root, env, process.execPath, 'scripts/site.mjs', '--build');
  address = await serve(join(root, 'site/dist'));
  // Making the page's data takes a minute the first time.
}, 600_000);

/** As they are called in addresses. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

let watched: WatchedPage | undefined;
afterEach(async () => {
  const complaints = watched?.complaints ?? [];
  await watched?.page.context().close();
  watched = undefined;
  expect(complaints).toEqual([]);
});

/** Opens the page and waits until it can be used; `prepare` comes before anything of it is loaded. */
async function open(
  options: Parameters<typeof newPage>[0] = {},
  prepare?: (page: Page) => Promise<void>,
): Promise<Page> {
  watched = await newPage(options);
  await prepare?.(watched.page);
  await watched.page.goto(`${address}/`);
  await ready(watched.page);
  return watched.page;
}

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

  it('are others on the way of two stages, for which every method and length is judged', async () => {
    const route = page.locator('#routes').getByRole('radio', { name: 'Two stages (learnt head → rotation)' });
    await otherHits(page, () => route.check());
    const chosen = () =>
      page
        .locator('td[aria-current=true]')
        .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('data-testid')));
    expect(await chosen()).toEqual(['precision-two-stage-h2q-64']);
    for (const method of ['Plain sign', 'Random rotation', 'ITQ', 'H²Q, neighbours', 'H²Q']) {
      const radio = page.locator('#methods').getByRole('radio', { name: method, exact: true });
      if (!(await radio.isChecked())) await otherHits(page, () => radio.check());
    }
    const few = await otherHits(page, () => page.locator('#bits').getByRole('radio', { name: '16' }).check());
    expect(Math.max(...few.map(({ distance }) => distance))).toBeLessThanOrEqual(16);
    await otherHits(page, () => page.getByRole('option').nth(14).click());
    const right = await page.locator('#hits .right').count();
    expect(right).toBeGreaterThan(15);

    // Labels have taught the head: it is to find more of a class than components do.
    for (const bits of [16, 32, 64]) {
      for (const method of ['identity', 'random', 'itq', 'h2q', 'neighbours']) {
        const [without, learnt] = await Promise.all(
          ['unsupervised', 'two-stage'].map((each) =>
            page.getByTestId(`precision-${each}-${method}-${bits}`).textContent(),
          ),
        );
        expect(Number(learnt), `${method}, ${bits} bits`).toBeGreaterThan(Number(without));
        expect(Number(learnt)).toBeLessThan(0.9);
      }
    }
    await page.locator('#drawing').focus();
    await otherHits(page, async () => {
      for (let i = 0; i < 8; i++) await page.keyboard.press('Shift+ArrowDown');
    });
    await expect
      .poll(() => page.locator('#search-status').textContent(), { timeout: 10_000 })
      .toMatch(/^Two stages, H²Q, 16 bits, your drawing: \d+ /);
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
    // The switch of routes is a stop of its own, and arrows change it.
    await page.locator('#routes :checked').focus();
    await otherHits(page, () => page.keyboard.press('ArrowRight'));
    expect(await page.locator('#routes :checked').getAttribute('value')).toBe('two-stage');
    await page.locator('#drawing').focus();
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

  it('of two stages turns what the head yields, and is searched with on its own route', async () => {
    const page = await open();
    await learn(page, 32, 'auto', 'two-stage');
    const precision = Number(await page.getByTestId('precision-two-stage-learnt-32').textContent());
    // From 5,000 rows about what the one that came along has from all.
    const shipped = Number(await page.getByTestId('precision-two-stage-h2q-32').textContent());
    expect(Math.abs(precision - shipped)).toBeLessThan(0.02);
    expect(await page.getByTestId('precision-unsupervised-learnt-32').textContent()).toBe('–');
    const [from, to] = /([\d.]+) → ([\d.]+)\.$/
      .exec((await page.locator('#learn-status').textContent())!)!
      .slice(1);
    expect(Number(to)).toBeLessThan(Number(from) * 0.8);

    await otherHits(page, () => page.locator('#learn-use').click({ timeout: 60_000 }));
    const checked = (group: string) => page.locator(`${group} :checked`).getAttribute('value');
    expect(await Promise.all(['#routes', '#methods', '#bits'].map(checked))).toEqual([
      'two-stage',
      'learnt',
      '32',
    ]);
    expect(await page.locator('#routes input:disabled').count()).toBe(2);
    await page.locator('#methods').getByRole('radio', { name: 'H²Q', exact: true }).check();
    expect(await page.locator('#routes input:enabled').count()).toBe(2);
  }, 180_000);

  it('does not hold up the page, whatever is learnt', async () => {
    const page = await open({}, watchLongTasks);
    const standstill = () =>
      page.evaluate(async () => {
        // What a debugger runs is no task of the page's.
        await new Promise((resolve) => setTimeout(resolve));
        for (const start = performance.now(); performance.now() - start < 120; );
      });
    expect(await longestTask(page, standstill)).toBeGreaterThanOrEqual(120);

    // All codes by ITQ are made now, on the other route too.
    const switches = async () => {
      await otherHits(page, () => page.locator('#methods [value=itq]').check());
      await otherHits(page, () => page.locator('#routes [value=two-stage]').check());
    };
    expect(await longestTask(page, switches)).toBeLessThanOrEqual(100);

    for (const solver of ['auto', 'sgd']) {
      for (const [bits, route] of [
        ...[16, 32, 64].map((bits) => [bits, 'unsupervised'] as const),
        [64, 'two-stage'] as const,
      ]) {
        const longest: number[] = [];
        // One that something else on this machine has held up is not held against the page.
        while (longest.length < 3 && !longest.includes(0)) {
          longest.push(await longestTask(page, () => learn(page, bits, solver, route)));
        }
        // No task over 50 ms, with twice that for a busy machine.
        const what = `${solver}, ${bits} bits, ${route}: ${longest}`;
        expect(Math.min(...longest), what).toBeLessThanOrEqual(100);
      }
    }
  }, 300_000);

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

it('works without a network once it was loaded, with all that it uses kept and nothing else', async () => {
  const page = await open();
  await page.locator('#offline[data-ready=true]').waitFor();
  const kept = await page.evaluate(async () => {
    const lists = (await caches.keys()).map(async (name) => (await caches.open(name)).keys());
    return (await Promise.all(lists)).flat().map(({ url }) => new URL(url).pathname.slice(1));
  });
  const built = filesBelow(join(root, 'site/dist'));
  const unused = built.filter((file) => !kept.includes(file));
  expect(kept.filter((file) => !built.includes(file))).toEqual([]);
  expect(unused.filter((file) => !file.endsWith('.wasm'))).toEqual(['service-worker.js']);
  const modules = unused.filter((file) => file.endsWith('.wasm'));
  const contents = modules.map((file) => new Uint8Array(readFileSync(join(root, 'site/dist', file))));
  expect(contents).toEqual([wasmBytes('neighbours')]);
  await page.context().setOffline(true);
  await page.reload();
  await ready(page);
  await otherHits(page, () => page.getByRole('option').nth(7).click());
  // Models and codes that the page has not asked for yet.
  await otherHits(page, () => page.locator('#routes [value=two-stage]').check());
  await otherHits(page, () => page.locator('#methods [value=itq]').check());
});

describe.each(shots)('$name', ({ route, options }) => {
  it('is no wider than its window, and shows pictures in its colours', async () => {
    watched = await newPage(options);
    const { page } = watched;
    const { width, height, colours, lightness } = look(await takeShot(page, `${address}/`, route));
    expect({ width, height }).toEqual(options.viewport);
    expect(colours).toBeGreaterThan(200);
    expect(lightness > 0.5).toBe(options.colorScheme === 'light');
    const greys = await page.locator('.option canvas, .hits canvas, #drawing').evaluateAll((canvases) =>
      (canvases as HTMLCanvasElement[]).map((canvas) => {
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(data).size;
      }),
    );
    expect(greys).toHaveLength(30 + 20 + 1);
    expect(Math.min(...greys)).toBeGreaterThan(5);

    expect(await overflow(page)).toBe(0);
    const regions = [
      '#choice',
      '#routes',
      '#learn-form',
      '#queries',
      '#drawing',
      '#hits',
      '.scroll',
      '#learn-charts',
      '#drop',
      '#about',
    ];
    const outside = await page.evaluate(
      (regions) =>
        regions.filter((region) => {
          const { left, right, width } = document.querySelector(region)!.getBoundingClientRect();
          return left < 0 || right > innerWidth || width === 0;
        }),
      regions,
    );
    expect(outside).toEqual([]);
  });
});

it('needs no more than 320 pixels', async () => {
  const page = await open({ viewport: { width: 320, height: 640 } });
  expect(await overflow(page)).toBe(0);
});

// Windows has no such signals.
describe.skipIf(process.platform === 'win32')('npm run site', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('serves the page until %s', async (signal) => {
    const args = ['run', '--silent', 'site', '--', '--port', '0'];
    // A group of its own: whatever npm might leave behind ends with it.
    const child = spawn('npm', args, { cwd: root, env, detached: true });
    try {
      const served = await addressOf(child);
      const wasm = readdirSync(join(root, 'site/dist/assets')).find((file) => file.endsWith('.wasm'));
      const answers = [
        '',
        `assets/${wasm}`,
        'service-worker.js',
        'data/manifest.json',
        'data/codes/two-stage-h2q-64.bin',
      ];
      expect(await Promise.all(answers.map((path) => answerOf(served, path)))).toEqual([
        '200 text/html',
        '200 application/wasm',
        '200 text/javascript',
        '200 application/json',
        '200 application/octet-stream',
      ]);
      for (const path of [
        'assets/none.js',
        '../package.json',
        '..%2fpackage.json',
        'data/..%2f..%2fvite.config.ts',
      ])
        expect(await answerOf(served, path), path).toMatch(/^(403|404) /);
      const ended = once(child, 'close', { signal: AbortSignal.timeout(5000) });
      child.kill(signal);
      await ended;
      await expect(answerOf(served, '')).rejects.toThrow('ECONNREFUSED');
    } finally {
      endGroup(child);
    }
  });
});
