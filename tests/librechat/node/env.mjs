// What LibreChat's reader of `.env` files makes of each text of a JSON list on stdin; answers JSON on stdout.
import { readFileSync } from 'node:fs';
import { parse } from 'dotenv';

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map((text) => parse(text))));
