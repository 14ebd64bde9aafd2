import ControlAPI
import ControlPorts
import ModelManifests

/// A project that was named on the command line. One that is not there has no deployments and no events: that is an answer to
/// another question.
enum NamedProject {
    /// - Parameters:
    ///   - project: nil: none was named.
    ///   - status: narrowed to it.
    /// - Throws: `CommandFailure` with the projects that there are.
    static func check(_ project: String?, in status: ControllerStatus, of client: ControlClient) async throws {
        guard let project, !status.sources.contains(where: { $0.project == project }), status.deployments.isEmpty else {
            return
        }
        throw failure(project, among: try await client.status().sources.compactMap(\.project))
    }

    static func failure(_ project: String, among names: [String]) -> CommandFailure {
        let advice = DidYouMean.suggestion(for: project, among: names.sorted(), noun: "there are") ?? "there is none"
        return CommandFailure(.failed, "there is no project '\(project)'; \(advice)")
    }
}
