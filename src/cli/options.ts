import { type Command, InvalidArgumentError, Option } from 'commander'

export function integer(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < minimum || value > maximum)
      throw new InvalidArgumentError(`A whole number from ${minimum} to ${maximum} is needed.`)
    return value
  }
}

export function portOption(): Option {
  return new Option('--port <number>', 'port to listen on, 0 for any free one (PORT)').argParser(integer(0, 65_535))
}

export function dataOption(): Option {
  return new Option('--data <folder>', 'data folder (ESPALIER_DATA; default .espalier)')
}

export function addTargetOptions(command: Command): Command {
  return command
    .option('--url <address>', 'address of the service (ESPALIER_URL; default: the one that runs on the data folder)')
    .option('--api-key <key>', 'API key (ESPALIER_API_KEY; default: the one in the data folder)')
    .option('--data <folder>', 'data folder of the service (ESPALIER_DATA; default .espalier)')
}
