import { readFile } from 'node:fs/promises';
import { UserError } from '../core/errors.ts';
import { firstBrokenLine } from '../store/audit.ts';

/** `proxnix audit`: checks that each line of an audit file carries the hash of the one before. @throws UserError for a broken one */
export async function audit(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The audit ${file} cannot be read (${error.code}).`, {
      next: 'Name the file: proxnix audit FILE.',
    });
  });
  const broken = firstBrokenLine(text);
  if (broken !== undefined) {
    throw new UserError(`Line ${broken} of ${file} does not match the line before it: a line was changed or removed.`);
  }
  console.log(`${file}: ${text.split('\n').filter(Boolean).length} lines, each matches the one before.`);
}
