/** The documents of this repository, and what tests read out of them. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { root } from '../../scripts/lib/root.mjs';

/** A fenced block. */
export interface Block {
  /** Line of the opening fence, from 1. */
  line: number;
  /** What follows the opening fence: `js`, or nothing. */
  language: string;
  text: string;
}

/** Paths of the documents in `docs/`, from the root of the repository. */
export function docsFolder(): string[] {
  return readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
}

/** The text of a document, by its path from the root. */
export function readDocument(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** All fenced blocks in their order. Throws when the last one is not closed. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; language: string; lines: string[] } | undefined;
  text.split('\n').forEach((content, i) => {
    const fence = /^\s*```(.*)$/.exec(content);
    if (!fence) open?.lines.push(content);
    else if (!open) open = { line: i + 1, language: (fence[1] as string).trim(), lines: [] };
    else {
      blocks.push({ line: open.line, language: open.language, text: open.lines.join('\n') });
      open = undefined;
    }
  });
  if (open) throw new Error(`the block that line ${open.line} opens is not closed`);
  return blocks;
}

/** A document without its fenced blocks. */
export function proseOf(text: string): string {
  return text.replace(/^\s*```[\s\S]*?^\s*```/gm, '');
}

/** Targets of the links to other files, as paths from the root. */
export function localLinksOf(path: string): string[] {
  const links = [...proseOf(readDocument(path)).matchAll(/\]\(([^)\s]+)\)/g)].map(
    (match) => match[1] as string,
  );
  return links
    .filter((link) => !/^([a-z]+:|#)/i.test(link))
    .map((link) => posix.join(posix.dirname(path), link.replace(/#.*/, '')));
}

/** A path that a document names, and the line that names it. */
export interface NamedPath {
  path: string;
  line: string;
}

/**
 * The paths in the Map of ARCHITECTURE.md. A line that is not indented names a folder; the names at the
 * beginning of an indented line lie in that folder. After two spaces follows prose, and what looks like a
 * file or a folder there lies in the line's own folder, or beside the line's file.
 */
export function pathsOfMap(map: string): NamedPath[] {
  let folder = '';
  return map.split('\n').flatMap((line) => {
    const [, indentation = '', names = '', prose = ''] = /^(\s*)(\S+(?: \S+)*)(.*)$/.exec(line) ?? [];
    if (names === '') return [];
    if (indentation === '') folder = names;
    const entries = indentation === '' ? [folder] : names.split(' ').map((name) => posix.join(folder, name));
    const first = entries[0] as string;
    const base = /\.\w+$/.test(first) ? dirname(first) : first;
    const mentions = prose.match(/(?<![\w/.-])[\w-]+(?:\/[\w-]+)*(?:\/|\.(?:ts|rs|mjs|md))(?![\w/])/g) ?? [];
    return [...entries, ...mentions.map((name) => posix.join(base, name))].map((path) => ({ path, line }));
  });
}
