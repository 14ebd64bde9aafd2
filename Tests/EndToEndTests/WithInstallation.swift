import TestSupport

/// Runs `body` with its own installation, and stops everything afterwards, whatever happens.
func withInstallation(
    environment: [String: String] = [:], _ body: (Installation) async throws -> Void
) async throws {
    let installation = try Installation(environment: environment)
    do {
        try await body(installation)
    } catch {
        try? installation.close()
        throw error
    }
    try installation.close()
}
