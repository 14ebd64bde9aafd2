extension Duration {
    /// Reads a duration as people write it in manifests and on the command line: `500ms`, `90s`, `5m`, `1h30m`.
    /// - Returns: nil for anything else.
    public init?(goText text: String) {
        guard let duration = try? GoDuration.parse(text) else { return nil }
        self = duration
    }
}
