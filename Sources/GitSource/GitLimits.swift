/// How much of the machine one repository may use. People who may write to the repository are not trusted to limit it.
package struct GitLimits: Hashable, Sendable {
    /// Manifest files in one commit.
    package var files: Int
    /// Size of the text of these files together.
    package var snapshotBytes: Int
    /// Size of git's listing of all files below the path.
    package var listingBytes: Int
    /// Size of git's listing of branches or tags.
    package var referenceBytes: Int
    /// Size of the pack that one fetch brings.
    package var fetchBytes: Int
    /// Size of the whole mirror. A larger mirror is cloned again.
    package var mirrorBytes: Int
    /// Address space of each git process.
    package var memoryBytes: Int

    package init(
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
