import ArgumentParser
import ControlAPI
import Foundation
import Presentation

struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Read git now instead of at the next interval.",
        discussion: """
            Returns after one pass for every changed deployment, or after some seconds with the number of \
            deployments without one. In a repository's post-receive hook \
            it makes the controller act on a push at once.

            Examples:
              mlctl sync
              mlctl sync --project risk          only the repository of one project
              git push && mlctl sync && mlctl wait fraud-scorer --for healthy --commit $(git rev-parse HEAD)
            """)

    @Option(help: ArgumentHelp("Only this project's repository. (default: all)", valueName: "name"))
    var project: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let sources = try await server.client().sync(project)
        if sources.count == 1, let error = sources[0].error { throw CommandFailure(.failed, error) }
        let console = Console.standard
        for source in sources {
            let name = sources.count > 1 ? source.project.map { "\($0): " } ?? "" : ""
            let commit = source.commit?.shortCommit ?? "no commit"
            try console.print(["\(name)\(source.repo) (\(source.referenceText)) at \(commit)"])
        }
        if let awaited = sources.compactMap(\.awaited).first {
            console.note(
                "\(awaited) of the changed deployments still wait for their first pass; 'mlctl status' shows them")
        }
        for line in SourceProblems.lines(sources, on: Canvas()) where !line.isEmpty { console.note(line) }
        let failed = sources.filter { $0.error != nil }.compactMap(\.project)
        if !failed.isEmpty {
            throw CommandFailure(.failed, "there were problems reading \(failed.joined(separator: ", "))")
        }
    }
}
