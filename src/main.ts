import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { chats } from './chats.ts';
import type { InitOptions } from './cli/init.ts';
import { toFailure, UserError } from './core/errors.ts';
import { didYouMean } from './core/nearest.ts';
import { version } from './version.ts';

const names = chats.map(({ name }) => name);

/** The program `proxnix`. Each subcommand loads only what it needs. */
const program = new Command('proxnix')
  .description('GitOps for Proxmox VE with Nix, run from chat: push, look at the plan, press one button.')
  .version(version)
  .showHelpAfterError();

program
  .command('start', { isDefault: true })
  .description('start the bot, configured by the environment and .env')
  .option('--env-file <file>', 'read variables from this file', '.env')
  .action(async (options: { envFile: string }) => {
    const { start } = await import('./cli/start.ts');
    await start(options.envFile);
  });

program
  .command('demo')
  .description('play the whole story here: a sample flake, a simulated cluster and the web console')
  .argument('[action]', 'what to do to the demo that is running (see `npm run demo -- list`)')
  .argument('[target]', 'the guest it is done to')
  .option('--once', 'push, approve, deploy, print the final tags and exit')
  .option('--port <port>', 'port of the console', '6780')
  .action(async (action: string | undefined, target: string | undefined, options: { once?: true; port: string }) => {
    const { demo } = await import('./demo/demo.ts');
    await demo({ action, target, once: options.once === true, port: wholeNumber('--port', options.port) });
  });

const init = program
  .command('init')
  .description('write .env and the files of the chosen chats, and print every step up to the first plan')
  .option('--chat <name...>', `${names.join(', ')}; may be repeated (default: ${names[0]})`)
  .option('--proxmox-url <url>', 'address of the Proxmox API')
  .option('--pve <version>', '9 or 8.4 (default: 9)')
  .option('--pool <name>', 'limit the bot to this pool')
  .option('--image-storage <name>', 'storage for uploaded images (default: proxnix-images)')
  .option('--target-storage <name...>', 'storages for disks of guests (default: local-lvm)')
  .option('--bridge <name...>', 'bridges of the guests (default: vmbr0)')
  .option('--git-url <url>', 'where the flake is cloned from')
  .option('--branch <name>', 'branch that is deployed (default: main)')
  .option('--webhook-url <url>', 'address at which the forge reaches this bot')
  .option('--listen <address>', 'address to listen on (default: 127.0.0.1)')
  .option('--out <dir>', 'folder for the files', '.')
  .option('--yes', 'ask nothing; take the defaults')
  .option('--force', 'replace an existing .env (the old one stays as .env.old)')
  .action(async (options: InitOptions) => {
    const { init: write } = await import('./cli/init.ts');
    await write(options);
  });
for (const { name, value, about } of chats.flatMap((chat) => chat.init.questions)) {
  init.option(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} <${value}>`, about);
}

program
  .command('doctor')
  .description('check everything against the live services; each failure comes with the line that mends it')
  .option('--env-file <file>', 'read variables from this file', '.env')
  .option('--json', 'print JSON for scripts')
  .action(async (options: { envFile: string; json?: boolean }) => {
    const { doctor } = await import('./cli/doctor.ts');
    await doctor(options);
  });

program
  .command('import')
  .description('print a proxnix.nix for guests that exist; nothing is written, here or to the cluster')
  .option('--vmid <list>', 'these guests only, such as 100,101 (default: every guest that the token sees)')
  .option('--fleet <name>', 'the fleet that shall have them, where there are several')
  .option('--env-file <file>', 'read variables from this file', '.env')
  .action(async (options: { vmid?: string; fleet?: string; envFile: string }) => {
    const { importGuests } = await import('./cli/import.ts');
    await importGuests(options);
  });

program
  .command('simulator')
  .description('start the Proxmox VE simulator alone')
  .option('--port <port>', 'port to listen on; 0 takes any free one', '8006')
  .option('--seed <file>', 'the state at the start, as JSON')
  .option('--state <file>', 'keep the state in this file')
  .action(async (options: { port: string; seed?: string; state?: string }) => {
    const { simulatorCommand } = await import('./cli/simulator.ts');
    await simulatorCommand({
      port: wholeNumber('--port', options.port),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.state === undefined ? {} : { stateFile: options.state }),
    });
  });

// The gallery is for work on the cards: a checkout has it, the published package has not.
if (existsSync(new URL('./gallery/', import.meta.url))) {
  program
    .command('gallery')
    .description('write every card in every state, for each chat')
    .requiredOption('--out <dir>', 'folder to write to')
    .action(async (options: { out: string }) => {
      const { gallery } = await import('./cli/gallery.ts');
      await gallery(options.out);
    });
}

program
  .command('audit')
  .description('check that no line of the audit was changed or removed')
  .argument('[file]', 'the audit file', '.proxnix/audit.jsonl')
  .action(async (file: string) => {
    const { audit } = await import('./cli/audit.ts');
    await audit(file);
  });

try {
  checkCommand(process.argv[2]);
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  const { message, next, details } = toFailure(error);
  console.error([message, ...details.map((line) => `  ${line}`), next].filter((line) => line !== undefined).join('\n'));
  process.exitCode = 1;
}

/** Without this an unknown word would be taken for an argument of `start`. */
function checkCommand(word: string | undefined): void {
  const known = ['help', ...program.commands.map((command) => command.name())];
  if (word === undefined || word.startsWith('-') || known.includes(word)) return;
  throw new UserError(`There is no command "${word.slice(0, 80)}"${didYouMean(word, known) || '.'}`, {
    next: 'proxnix --help lists the commands.',
  });
}

function wholeNumber(option: string, text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UserError(`${option} must be a port from 0 to 65535, not "${text}".`);
}
