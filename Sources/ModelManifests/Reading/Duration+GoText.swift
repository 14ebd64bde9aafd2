extension Duration {
    /// Parses a duration as written in manifests and on the command line: `500ms`, `90s`, `5m`, `1h30m`.
    /// - Returns: nil for any other text.
    public init?(goText text: String) {
        guard let duration = try? GoDuration.parse(text) else { return nil }
        self = duration
    }
}
