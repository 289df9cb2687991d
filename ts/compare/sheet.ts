/** A sheet of pictures: some queries, each with the ten nearest by every strategy. */

import type { Sprite } from '../demo/images.js';
import { escapeHtml } from '../demo/page-format.js';
import { renderTile } from '../demo/page-samples.js';
import type { Cell } from './measure.js';

/** What the sheet shows. */
export interface Sheet {
  /** Cells of one loss, number of bits and seed; those without hits are left out. */
  cells: readonly Cell[];
  /** Rows of the queries, in the order of the cells' hits. */
  queries: readonly number[];
  /** Labels by row. */
  queryLabels: ArrayLike<number | bigint>;
  databaseLabels: ArrayLike<number | bigint>;
  /** Holds the tiles `query:<row>` and `database:<row>`. */
  sprite: Sprite;
}

/** The first query of each label, at most twelve, in order of the label. */
export function sampleQueries(labels: ArrayLike<number | bigint>): number[] {
  const first = new Map<number | bigint, number>();
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number | bigint;
    if (!first.has(label)) first.set(label, row);
  }
  return [...first]
    .sort(([a], [b]) => Number(a) - Number(b))
    .slice(0, 12)
    .map(([, row]) => row);
}

/** Keys of the tiles that {@link renderSheet} asks for. */
export function tilesOf(
  cells: readonly Cell[],
  queries: readonly number[],
): { query: number[]; database: number[] } {
  return { query: [...queries], database: [...new Set(cells.flatMap(({ hits = [] }) => hits.flat()))] };
}

export function renderSheet(sheet: Sheet): string {
  const { cells, queries, sprite } = sheet;
  const shown = cells.filter(({ hits }) => hits);
  const [first] = shown;
  if (!first) return '';
  const samples = queries.map((row, i) => renderSample(sheet, shown, row, i));
  return `<section id="sheet" aria-labelledby="sheet-title">
<style>#sheet { --tile: 40px; } .tile { background-image: url(${sprite.uri}); --sprite-columns: ${sprite.columns}; }</style>
<h2 id="sheet-title">Ten nearest</h2>
<p class="caption">${escapeHtml(first.loss)}, ${first.bits} bits, seed ${first.seed}: the first query of each label; hits at equal
distance in order of the database. A <span class="key right">plain frame</span> is the query’s own label, a
<span class="key wrong">dashed frame with a cross</span> another one.</p>
${samples.join('\n')}
</section>`;
}

function renderSample(sheet: Sheet, cells: readonly Cell[], row: number, index: number): string {
  const label = String(sheet.queryLabels[row]);
  const id = `sample-${row}`;
  const results = cells.map(({ strategy, hits = [] }) =>
    renderHits(sheet, strategy, hits[index] ?? [], label),
  );
  return `<article class="sample" aria-labelledby="${id}">
<div class="query"><h3 id="${id}">label ${escapeHtml(label)}</h3>
<div class="pair">${renderTile(sheet.sprite, `query:${row}`, `Query of label ${escapeHtml(label)}`)}</div><p>query ${row}</p></div>
<div class="found">${results.join('')}</div>
</article>`;
}

function renderHits(
  { databaseLabels, sprite }: Sheet,
  strategy: string,
  hits: readonly number[],
  label: string,
) {
  const found = hits.map((row) => ({ row, label: String(databaseLabels[row]) }));
  const right = found.filter((hit) => hit.label === label).length;
  const items = found.map((hit) => {
    const isRight = hit.label === label;
    const tile = renderTile(
      sprite,
      `database:${hit.row}`,
      `label ${escapeHtml(hit.label)}, ${isRight ? 'right' : 'wrong'}`,
    );
    return `<li class="${isRight ? 'right' : 'wrong'}">${tile}</li>`;
  });
  return `<div class="hits"><h4><span class="swatch" style="background:var(--${strategy})"></span>${escapeHtml(strategy)}
<span class="score">${right} of ${hits.length} right</span></h4><ol>${items.join('')}</ol></div>`;
}
