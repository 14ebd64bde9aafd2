import ControlPorts

extension ControlSurface {
    /// Syncs the only project of a controller.
    ///
    /// - Throws: the errors of `sync`, and `ControlError` if there is no project.
    package func sync() async throws -> SourceStatus {
        guard let source = try await sync(nil).first else { throw ControlError(.notFound, "there is no project") }
        return source
    }
}
