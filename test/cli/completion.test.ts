import { execFileSync, spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { Workplace } from './h2q.js';

const work = new Workplace();
const hasBash = spawnSync('bash', ['--version']).status === 0;

/** What bash offers for a line whose last word is being typed. */
function offered(script: string, line: string[]): string[] {
  const program = `${script}\nCOMP_WORDS=(${line.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${line.length - 1}\n_h2q\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync('bash', ['-c', program], { encoding: 'utf8' });
  return text.split('\n').filter((word) => word !== '');
}

it.skipIf(!hasBash)('bash offers commands, and the flags of the one that was typed', async () => {
  const script = await work.succeed('completion', 'bash');
  expect(offered(script, ['h2q', 'con'])).toEqual(['convert']);
  expect(offered(script, ['h2q', ''])).toEqual(
    expect.arrayContaining(['fit', 'encode', 'inspect', '--version']),
  );
  expect(offered(script, ['h2q', 'encode', 'm', 'x.npy', '--la'])).toEqual(['--layout']);
  expect(offered(script, ['h2q', 'bench', ''])).toContain('hamming');
  expect(offered(script, ['h2q', 'bench', 'hamming', '--ro'])).toEqual(['--rows', '--rounds']);
});

it('scripts for zsh and fish know the same', async () => {
  expect(await work.succeed('completion', 'zsh')).toMatch(/bashcompinit\n_h2q\(\) \{\n/);
  const fish = await work.succeed('completion', 'fish');
  expect(fish).toContain("complete -c h2q -n '__fish_seen_subcommand_from encode' -l layout\n");
  expect(fish).toMatch(/complete -c h2q -n 'not __fish_seen_subcommand_from [^']*convert[^']*' -a convert\n/);
  const { code, stderr } = await work.run('completion', 'cmd');
  expect([code, stderr.split('\n').length]).toEqual([1, 2]);
});
