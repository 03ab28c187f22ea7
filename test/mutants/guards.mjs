// The guards of the product, each with what takes it out and the tests that should notice.
export const guards = [
  {
    name: 'webhook: the signature is checked',
    file: 'src/webhook/route.ts',
    from: 'if (!forge.verify(headers, body.bytes, receiver.secret.reveal()))',
    to: 'if (false)',
    tests: ['test/webhook/route.test.ts'],
  },
  {
    name: 'sandbox: an evaluation has no network',
    file: 'src/builder/nix/sandbox.ts',
    from: "'--unshare-net', ",
    to: '',
    tests: ['test/builder/nix/sandbox.test.ts'],
  },
];
