import Commands

await MLCTL.runAndExit()
