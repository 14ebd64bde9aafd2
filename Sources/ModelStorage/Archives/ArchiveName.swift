/// Which files are unpacked.
///
/// The name says that a file is meant as an archive: other files are zips too, such as PyTorch's, Keras' and NumPy's, and their
/// servers want them whole. How it is packed is then read from its content.
enum ArchiveName {
    static let endings = [".tar", ".tar.gz", ".tgz", ".zip"]

    static func isArchive(_ name: String) -> Bool {
        let name = name.lowercased()
        return endings.contains { name.hasSuffix($0) && name.utf8.count > $0.utf8.count }
    }
}
