import ControlPorts
import Foundation
import Logging
import TestSupport
import Testing

@testable import Controller

/// A controller with a scripted repository and one site, for tests of checks.
enum OneSite {
    /// The controller runs while the body does.
    static func running(
        _ source: ScriptedSource, _ sites: SiteDirectory, _ store: InMemoryStateStore, _ inquirer: any Inquirer,
        _ body: @escaping @Sendable (Controller) async throws -> Void
    ) async throws {
        let controller = Controller(
            configuration: ControllerConfiguration(interval: .seconds(3600), restingInterval: .milliseconds(20)),
            with: ControllerCollaborators(
                source: source, sites: sites, trail: store, inquirer: inquirer, now: { Date() }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            try await body(controller)
            group.cancelAll()
        }
    }

    static func wait(_ isMet: () async -> Bool) async throws {
        for _ in 0..<2000 {
            if await isMet() { return }
            try await ContinuousClock().sleep(for: .milliseconds(5))
        }
        Issue.record("waited in vain")
    }
}
