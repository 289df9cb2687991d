/** `h2q completion`: scripts for shells, made from the tree of commands, so that they know what it knows. */

import { Argument, type Command } from 'commander';
import { type Context, print } from './context.js';
import { examples } from './options.js';

/** A command by its words, what may follow, and its flags. */
interface Node {
  path: string;
  words: readonly string[];
}

type Shell = 'bash' | 'zsh' | 'fish';

const SCRIPTS: Readonly<Record<Shell, (name: string, nodes: readonly Node[]) => string>> = {
  bash,
  zsh,
  fish,
};

export function addCompletion(program: Command, context: Context): void {
  program
    .command('completion')
    .description('print a script that completes commands and flags in a shell')
    .addArgument(new Argument('<shell>').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      examples(
        'h2q completion bash > ~/.local/share/bash-completion/completions/h2q',
        'h2q completion fish > ~/.config/fish/completions/h2q.fish',
        'source <(h2q completion zsh)',
      ),
    )
    .action((shell: Shell) => print(context, SCRIPTS[shell](program.name(), nodesOf(program))));
}

function nodesOf(command: Command, path = ''): Node[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command).filter((one) => one.name() !== 'help');
  const flags = help.visibleOptions(command).map(({ long, short }) => long ?? short ?? '');
  const below = commands.flatMap((one) => nodesOf(one, `${path} ${one.name()}`.trim()));
  return [{ path, words: [...commands.map((one) => one.name()), ...flags] }, ...below];
}

/** Files complete as ever where no word fits. The longest known beginning of the line is its command. */
function bash(name: string, nodes: readonly Node[]): string {
  const cases = nodes.map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`);
  const paths = nodes.map(({ path }) => `'${path}'`).join('|');
  return `_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path='' next words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in ${paths}) path="$next" ;; *) break ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`;
}

function zsh(name: string, nodes: readonly Node[]): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bash(name, nodes)}`;
}

function fish(name: string, nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, words }) => {
    const below = nodes.filter((one) => one.path !== path && one.path.startsWith(path));
    const next = below.map((one) => one.path.slice(path.length).trim().split(' ')[0]);
    const seen = path.split(' ').filter((word) => word !== '');
    const tests = [
      ...seen.map((word) => `__fish_seen_subcommand_from ${word}`),
      ...(next.length > 0 ? [`not __fish_seen_subcommand_from ${[...new Set(next)].join(' ')}`] : []),
    ];
    return words.map((word) => {
      const what = word.startsWith('--')
        ? `-l ${word.slice(2)}`
        : word.startsWith('-')
          ? `-s ${word.slice(1)}`
          : `-a ${word}`;
      return `complete -c ${name}${tests.length > 0 ? ` -n '${tests.join('; and ')}'` : ''} ${what}`;
    });
  });
  return `${lines.join('\n')}\n`;
}
