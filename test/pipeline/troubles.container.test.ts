import { troublesContract } from './troubles.contract.ts';

troublesContract('container');
