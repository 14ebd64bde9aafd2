import ArgumentParser
import ModelManifests

/// A command that does not exist. ArgumentParser reports it as an unexpected argument, without the one that was meant.
enum UnknownCommand {
    /// Words that people know from other programs, and the command that does it here.
    private static let others = [
        "apply": "run", "deploy": "run", "diff": "plan", "describe": "explain", "get": "status", "list": "status",
        "lint": "validate", "undo": "rollback", "start": "run", "stop": "down", "up": "run", "serve": "run",
        "ls": "status",
    ]

    /// - Returns: what is wrong, and which command is meant; nil where the first argument is a command or an option.
    static func problem(in arguments: [String]) -> String? {
        guard let word = arguments.first, !word.hasPrefix("-"), word != "help" else { return nil }
        let names = names
        guard !names.contains(word) else { return nil }
        let advice =
            others[word].map { "did you mean '\($0)'?" }
            ?? DidYouMean.nearest(to: word, among: names.sorted()).map { "did you mean '\($0)'?" }
            ?? "'mlctl --help' lists the commands"
        return "there is no command '\(word)'; \(advice)"
    }

    private static var names: Set<String> {
        let configuration = MLCTL.configuration
        let all = configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
        return Set(all.flatMap { [$0.configuration.commandName].compactMap(\.self) + $0.configuration.aliases })
    }
}
