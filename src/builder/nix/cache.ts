import { LRUCache } from 'lru-cache';
import type { Image } from '../../core/guest.ts';
import type { Source } from '../../git/git.ts';
import { imageKey } from '../images.ts';
import { expressionVersion } from './expression.ts';
import type { NixSettings } from './settings.ts';

interface Entry {
  readonly source: Source;
  fleet?: { readonly json: unknown };
  /** By `imageKey`. */
  readonly images: Map<string, Image>;
}

/** What was evaluated, in memory: a commit never evaluates to something else under the same Nix. */
export class EvaluationCache {
  readonly #entries = new LRUCache<string, Entry>({ max: 50 });

  /** The entry of a commit, made when it is new. The pinning ref is no part of the key: the commit decides. */
  entry(source: Source, { images }: NixSettings, nixVersion: string): Entry {
    const { mirror, rev, dir } = source;
    const attributes = [images.vm.attribute, images.container.attribute];
    const key = JSON.stringify([mirror, rev, dir, attributes, expressionVersion, nixVersion]);
    const entry = { images: new Map<string, Image>(), ...this.#entries.get(key), source };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Where an image was evaluated from, the newest pin of it. */
  sourceOf(image: Image): Source | undefined {
    return [...this.#entries.values()].find((entry) => entry.images.get(imageKey(image))?.drvPath === image.drvPath)
      ?.source;
  }
}
