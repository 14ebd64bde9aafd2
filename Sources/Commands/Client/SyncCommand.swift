import ArgumentParser
import ControlAPI
import Foundation

struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Look at git now, rather than at the next interval.",
        discussion: """
            Returns when every deployment that changed has been looked at once, or after some seconds with the number of \
            those that have not. In a repository's post-receive hook \
            it makes the controller act on a push at once.

            Examples:
              mlctl sync
              git push && mlctl sync && mlctl wait fraud-scorer --for healthy --commit $(git rev-parse HEAD)
            """)

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let source = try await server.client().sync()
        if let error = source.error { throw CommandFailure(.failed, error) }
        let console = Console.standard
        try console.print(["\(source.repo) (branch \(source.branch)) at \(source.commit?.shortCommit ?? "no commit")"])
        if let awaited = source.awaited {
            console.note(
                "\(awaited) of the deployments that changed have yet to be looked at; 'mlctl status' shows them")
        }
        for line in SourceProblems.lines([source], on: Canvas()) where !line.isEmpty { console.note(line) }
    }
}
