import Controller

extension ControlSurface {
    /// A look at the one project of a controller.
    ///
    /// - Throws: what `sync` throws, and `ControlError` where there is no project.
    package func sync() async throws -> SourceStatus {
        guard let source = try await sync(nil).first else { throw ControlError(.notFound, "there is no project") }
        return source
    }
}
