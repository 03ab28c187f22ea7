import { describe, expect, it } from 'vitest';
import { isLoopback, whyForbidden, whyNotPublic } from '../../src/lib/addresses.ts';

describe('addresses', () => {
  it.each([
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['127.0.0.1', "the bot's own machine"],
    ['127.255.255.254', "the bot's own machine"],
    ['169.254.0.1', 'link-local'],
    ['169.254.169.254', 'link-local'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['100.100.100.200', 'the metadata service of a cloud'],
    ['168.63.129.16', 'the metadata service of a cloud'],
    ['::', 'unspecified'],
    ['::1', "the bot's own machine"],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['ff02::1', 'multicast'],
    ['fd00:ec2::254', 'the metadata service of a cloud'],
    ['fd20:ce::254', 'the metadata service of a cloud'],
    ['::ffff:127.0.0.1', "the bot's own machine"],
    ['::ffff:7f00:1', "the bot's own machine"],
    ['::ffff:a9fe:a9fe', 'link-local'],
    ['::ffff:255.255.255.255', 'broadcast'],
    ['::127.0.0.1', "the bot's own machine"],
    ['::ffff:0:169.254.169.254', 'link-local'],
    ['64:ff9b::169.254.169.254', 'link-local'],
    ['64:ff9b:1::a9fe:a9fe', 'a tunnel'],
    ['2002:7f00:1::', 'a tunnel'],
    ['2001:0:53aa:64c::1', 'a tunnel'],
    ['localhost', 'no IP address'],
    ['2130706433', 'no IP address'],
    ['', 'no IP address'],
  ])('stands before %s', (address, why) => {
    expect(whyForbidden(address)).toBe(why);
  });

  it.each([
    '10.77.0.73',
    '192.168.1.1',
    '172.16.0.1',
    '100.100.100.201',
    '169.253.255.255',
    '169.255.0.0',
    '126.255.255.255',
    '128.0.0.1',
    '223.255.255.255',
    '::ffff:10.77.0.73',
    'fd00::73',
    'fec0::1',
    '2001:db8::1',
    '2a00:1450::1',
    '64:ff9b::10.77.0.73',
  ])('lets %s through', (address) => {
    expect(whyForbidden(address)).toBeUndefined();
  });
});

describe('addresses of the public internet', () => {
  it.each(['1.1.1.1', '140.82.121.4', '2606:4700::1111', '::ffff:1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1'])(
    '%s is one',
    (address) => {
      expect(whyNotPublic(address)).toBeUndefined();
    },
  );

  it.each([
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['198.18.0.1', 'private'],
    ['fd12:3456::1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['64:ff9b::192.168.0.1', 'private'],
    ['127.0.0.1', "the bot's own machine"],
    ['169.254.169.254', 'link-local'],
    ['example.org', 'no IP address'],
  ])('%s is none: %s', (address, why) => {
    expect(whyNotPublic(address)).toBe(why);
  });
});

describe('this machine', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    '127.0.0.1',
    '127.0.0.2',
    '127.255.255.254',
    '::1',
    '[::1]',
    '[::ffff:127.0.0.1]',
  ])('is %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each([
    ...['', '0.0.0.0', '::', '[::]', '128.0.0.1', '10.0.0.1', '127.0.0', '127.1', '127.0.0.1.example.org'],
    ...['localhost.example.org', 'pve1', '[localhost', '::ffff:10.0.0.1', '::2', '64:ff9b::7f00:1'],
  ])('is not %s', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});
