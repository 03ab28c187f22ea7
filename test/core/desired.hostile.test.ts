import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDesired } from '../../src/core/desired.ts';
import { toFailure } from '../../src/core/errors.ts';
import { aFlakeEntry } from '../support/builders.ts';

const vm = aFlakeEntry('vm', { name: 'web', image_type: 'web' });
const container = aFlakeEntry('container', { name: 'dns', vm_id: 830, image_type: 'dns', disk_gb: 8 });

/** Names that every object of JavaScript knows. */
const inherited = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'prototype',
  '__defineGetter__',
];

/** As Nix's answer comes: `__proto__` is a key like any other. */
function parsed(text: string): unknown {
  return JSON.parse(text);
}

function failureOf(output: unknown) {
  try {
    parseDesired(output);
  } catch (error) {
    return toFailure(error);
  }
  return undefined;
}

describe('names that objects of JavaScript have', () => {
  it('are refused where one would be lost in silence, with the place', () => {
    const json = JSON.stringify(vm);
    const places = [
      [`{"vms":{"__proto__":${json}}}`, 'vms.__proto__'],
      [`{"vms":{},"containers":{"__proto__":${JSON.stringify(container)}}}`, 'containers.__proto__'],
      [`{"vms":{"web":${json.replace('}', ',"__proto__":{"cores":64}}')}}}`, 'vms.web.__proto__'],
      [
        `{"containers":{"dns":${JSON.stringify({ ...container, features: 0 }).replace('0}', '{"__proto__":true}}')}}}`,
        'containers.dns.features.__proto__',
      ],
      [`{"vms":{},"__proto__":{"vms":{}}}`, '__proto__'],
    ] as const;
    for (const [text, place] of places) {
      expect(failureOf(parsed(text))?.message, text).toBe(
        `The flake is not valid: "${place}" is a name that proxnix cannot take.`,
      );
    }
  });

  it('are names of guests like others where nothing is lost', () => {
    for (const key of inherited.slice(1)) {
      const output = parsed(`{"vms":{${JSON.stringify(key)}:${JSON.stringify(vm)}}}`);
      expect(parseDesired(output).map((guest) => guest.key)).toEqual([key]);
    }
  });

  it('are never lost and change no other object, wherever they stand', () => {
    const anyName = fc.oneof(fc.constantFrom(...inherited), fc.string({ maxLength: 8 }));
    const place = fc.constantFrom('guest', 'field', 'health', 'features', 'top');
    fc.assert(
      fc.property(fc.array(fc.tuple(anyName, place), { minLength: 1, maxLength: 4 }), (names) => {
        const at = (wanted: string) => [
          ...new Set(names.flatMap(([name, where]) => (where === wanted ? [JSON.stringify(name)] : []))),
        ];
        const also = (wanted: string, value: string) =>
          at(wanted)
            .map((name) => `,${name}:${value}`)
            .join('');
        const fields = JSON.stringify(vm).slice(1, -1);
        const guests = at('guest').map(
          (name, index) => `,${name}:{${fields.replace('"web"', `"g${index}"`).replace('823', String(900 + index))}}`,
        );
        const text = `{"vms":{"the first":{${fields},"health":{"tcp":[]${also('health', 'true')}}${also('field', '1')}}${guests.join('')}},
          "containers":{"the second":{${JSON.stringify(container).slice(1, -1)},"features":{"nesting":true${also('features', 'true')}}}}${also('top', '{}')}}`;
        const output = parsed(text);
        const failure = failureOf(output);
        expect(Object.keys(Object.prototype)).toEqual([]);
        expect(({} as Record<string, unknown>)['cores']).toBeUndefined();
        if (failure === undefined) {
          const keys = parseDesired(output).map((guest) => guest.key);
          const wanted = ['the first', 'the second', ...at('guest').map((name) => JSON.parse(name) as string)];
          expect([...keys].sort()).toEqual([...new Set(wanted)].sort());
          expect(
            at('field').concat(
              at('health'),
              at('features').filter((name) => name !== '"nesting"'),
            ),
          ).toEqual([]);
        } else if (text.includes('"__proto__"')) {
          expect([failure.message, ...failure.details].join('\n')).toContain('__proto__');
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('an output that wants to cost time', () => {
  it('is refused by its number of guests', () => {
    const vms = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`vm${index}`, vm]));
    expect(failureOf({ vms })?.message).toBe(
      'The flake is not valid: "vms" has 10001 guests, at most 10000 are possible.',
    );
  });

  it('is refused by the values of one guest, before each is looked at', () => {
    const health = { tcp: Array.from({ length: 2_000_000 }, () => '') };
    expect(failureOf({ vms: { web: { ...vm, health } } })?.message).toBe(
      'The flake is not valid: "vms.web" has more than 500 values.',
    );
    const fields = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`f${index}`, 1]));
    expect(failureOf({ vms: { web: fields } })?.message).toMatch(/more than 500 values/);
  });

  it('is refused by its depth, without recursion', () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 100_000; depth++) deep = [deep];
    expect(failureOf({ vms: { web: { ...vm, cores: deep } } })?.message).toBe(
      'The flake is not valid: "vms.web" is nested deeper than 8.',
    );
  });

  it('is not read to its end once there are more mistakes than are told', () => {
    let reads = 0;
    const last = {
      get name() {
        reads += 1;
        return 7;
      },
    };
    const wrong = Array.from({ length: 60 }, (_, index) => [`vm${index}`, { nothing: 1 }] as const);
    failureOf({ vms: { last } });
    const alone = reads;
    reads = 0;
    failureOf({ vms: { ...Object.fromEntries(wrong), last } });
    expect(reads).toBeLessThan(alone);
  });

  it('is told of its first mistakes only, and in a few KiB', () => {
    const fields = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`core${index}`, 'x'.repeat(50)]));
    const vms = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`${'k'.repeat(200)}${index}`, fields]));
    const failure = failureOf({ vms });
    expect(failure?.message).toBe('The flake has more than 50 mistakes.');
    expect(JSON.stringify(failure).length).toBeLessThan(10_000);
  });

  it('is told of the first unknown fields of a guest', () => {
    const fields = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`f${index}`, 1]));
    expect(failureOf({ vms: { web: { ...vm, ...fields } } })?.details).toHaveLength(10);
  });

  it('names a key and a field of megabytes in short', () => {
    const long = 'x'.repeat(4_000_000);
    for (const output of [
      { vms: { [long]: vm } },
      { vms: { web: { ...vm, [long]: 1 } } },
      { vms: { web: { ...vm, name: long } } },
      { vms: { web: { ...vm, cores: long } } },
      { vms: { web: { ...vm, health: { http: `http://${long}` } } } },
    ]) {
      const failure = failureOf(output);
      expect(failure).toBeDefined();
      expect(JSON.stringify(failure).length).toBeLessThan(1000);
    }
  });
});
