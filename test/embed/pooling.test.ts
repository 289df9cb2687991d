import { expect, it } from 'vitest';
import { chooseResult, normalizeRows, pool } from '../../ts/embed/pooling.js';

// Two inputs, three tokens, two values; the second input ends with padding.
const tokens = { dims: [2, 3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 9, 10, 20, 30, 40, 99, 99) };
const mask = [1n, 1n, 1n, 1n, 1n, 0n];

it('takes the mean, the first or the last token that is no padding', () => {
  expect(pool(tokens, 'mean', mask)).toEqual({ data: Float32Array.of(3, 5, 20, 30), columns: 2 });
  expect(pool(tokens, 'cls', mask)?.data).toEqual(Float32Array.of(1, 2, 10, 20));
  expect(pool(tokens, 'last', mask)?.data).toEqual(Float32Array.of(5, 9, 30, 40));
  // Padded in front, as generators of text are.
  const front = [0n, 1n, 1n, 1n, 1n, 1n];
  expect(pool(tokens, 'cls', front)?.data).toEqual(Float32Array.of(3, 4, 10, 20));
  expect(pool(tokens, 'mean')?.data.slice(2)).toEqual(Float32Array.of(139 / 3, 159 / 3));
});

it('a text of padding alone is zero, not NaN', () => {
  expect(pool(tokens, 'mean', [1n, 1n, 1n, 0n, 0n, 0n])?.data.slice(2)).toEqual(Float32Array.of(0, 0));
});

it('takes the mean of all places of a map, and rows as they are', () => {
  const map = { dims: [1, 2, 2, 2], data: Float32Array.of(1, 2, 3, 4, 10, 20, 30, 40) };
  expect(pool(map, 'cls')).toEqual({ data: Float32Array.of(2.5, 25), columns: 2 });
  expect(pool({ dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) }, 'mean')?.columns).toBe(2);
  expect(pool({ dims: [4], data: new Float32Array(4) }, 'mean')).toBeUndefined();
});

it('prefers results that say they are embeddings', () => {
  expect(chooseResult(['last_hidden_state', 'pooler_output'], undefined, false)).toBe('pooler_output');
  expect(chooseResult(['last_hidden_state', 'pooler_output'], undefined, true)).toBe('last_hidden_state');
  expect(chooseResult(['token_embeddings', 'sentence_embedding'], undefined, true)).toBe(
    'sentence_embedding',
  );
  expect(chooseResult(['text_embeds', 'image_embeds'], 'text_embeds', false)).toBe('text_embeds');
  expect(chooseResult(['features'], undefined, false)).toBe('features');
  expect(chooseResult(['a', 'b'], undefined, false)).toBeUndefined();
  expect(chooseResult(['a'], 'b', false)).toBeUndefined();
});

it('gives rows the norm 1, but for zeros', () => {
  const rows = { data: Float32Array.of(3, 4, 0, 0, 0, -2), columns: 2 };
  normalizeRows(rows);
  expect(rows.data).toEqual(Float32Array.of(0.6, 0.8, 0, 0, 0, -1));
});
