import { troublesContract } from './troubles.contract.ts';

troublesContract('vm');
