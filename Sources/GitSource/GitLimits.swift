/// How much of the machine one repository may use. People who may write to the repository are not trusted to limit it.
public struct GitLimits: Hashable, Sendable {
    /// Manifest files in one commit.
    public var files: Int
    /// Size of the text of these files together.
    public var snapshotBytes: Int
    /// Size of git's listing of all files below the path.
    public var listingBytes: Int
    /// Size of git's listing of branches or tags.
    public var referenceBytes: Int
    /// Size of the pack that one fetch brings.
    public var fetchBytes: Int
    /// Size of the whole mirror. A larger mirror is cloned again.
    public var mirrorBytes: Int
    /// Address space of each git process.
    public var memoryBytes: Int

    public init(
        files: Int = 50_000, snapshotBytes: Int = 128 << 20, listingBytes: Int = 32 << 20,
        referenceBytes: Int = 8 << 20,
        fetchBytes: Int = 256 << 20, mirrorBytes: Int = 1 << 30, memoryBytes: Int = 2 << 30
    ) {
        self.files = files
        self.snapshotBytes = snapshotBytes
        self.listingBytes = listingBytes
        self.referenceBytes = referenceBytes
        self.fetchBytes = fetchBytes
        self.mirrorBytes = mirrorBytes
        self.memoryBytes = memoryBytes
    }
}
