import Foundation
import TestSupport

/// Controllers of one cluster that follow the same repository, each with its own state folder.
final class ClusterControllers {
    private let stage: ClusterStage
    private let arguments: [String]
    private(set) var all: [Installation] = []

    /// - Parameter electsLeader: whether they use leader election.
    init(_ stage: ClusterStage, count: Int, electsLeader: Bool) throws {
        self.stage = stage
        let settings = stage.folder.appending(path: "mlctl.yaml")
        // A standby forwards requests with a token that all of them have.
        let token = stage.folder.appending(path: "token")
        try "shared-token-7c1e9f04b8d25a63\n".write(to: token, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: token.path(percentEncoded: false))
        try """
        name: e2e
        tokenFile: "\(token.path(percentEncoded: false))"
        image: "\(ClusterStage.controllerImage)"
        clusters: [{name: test, kubeconfig: "\(stage.kubeconfig)", namespace: \(stage.namespace)}]
        """.write(to: settings, atomically: true, encoding: .utf8)
        arguments =
            ["--no-local", "--allow-empty", "--interval", "1s", "--config", settings.path(percentEncoded: false)]
            + (electsLeader ? ["--leader-elect", "--namespace", stage.namespace] : [])
        for _ in 0..<count { all.append(try Installation(repo: all.first?.repo)) }
    }

    /// Ends them in any case. If something went wrong, their logs are kept.
    static func with(
        _ stage: ClusterStage, count: Int, electsLeader: Bool, _ body: (ClusterControllers) async throws -> Void
    ) async throws {
        let controllers = try ClusterControllers(stage, count: count, electsLeader: electsLeader)
        do {
            try await body(controllers)
        } catch {
            print(controllers.logs)
            try? controllers.close()
            throw error
        }
        try controllers.close()
    }

    var first: Installation { all[0] }

    func start() async throws { for controller in all { try await controller.start(arguments) } }

    func start(_ controller: Installation) async throws { try await controller.start(arguments) }

    /// The controllers that stand by.
    func leader(limit: Duration = ClusterStory.waitLimit) async throws -> Installation {
        var found: Installation?
        try await first.until("a controller leads", limit: limit) {
            for controller in all where await leads(controller) { found = controller }
            return found != nil
        }
        guard let found else { throw StageError("no controller leads") }
        return found
    }

    func leads(_ controller: Installation) async -> Bool {
        let metrics = try? await controller.client?.metrics()
        return metrics?.split(separator: "\n").contains { $0 == "mlctl_leader 1" } ?? false
    }

    func commit(_ version: String, rollout: String, replicas: String = "2", team: String = "risk") throws {
        let marks = first.folder.appending(path: "marks")
        try first.commit([
            "model.yaml": stage.manifest(version, marks: marks, rollout: rollout, replicas: replicas, team: team)
        ])
    }

    var logs: String {
        all.map { "--- \($0.folder.lastPathComponent)\n\($0.controllerLog.suffix(6000))" }.joined(separator: "\n")
    }

    func close() throws { for controller in all.reversed() { try controller.close() } }
}
