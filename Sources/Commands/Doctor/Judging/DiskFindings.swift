/// Checks for free space where the controller writes. Pure.
enum DiskFindings {
    /// One file system, with the places on it.
    struct Disk: Hashable, Sendable {
        /// For example `state folder /var/lib/mlctl`.
        var places: [String]
        var path: String
        var freeBytes: Int64
        var totalBytes: Int64
        var freeFiles: Int64
        /// 0 where the file system has no such limit.
        var totalFiles: Int64
        var isReadOnly: Bool
    }

    /// With less, the controller does not create its reserve for a full disk (`space-reserve`).
    static let leastBytes: Int64 = 32 << 20
    static let fewBytes: Int64 = 256 << 20
    static let leastFiles: Int64 = 1000
    static let fewShare = 0.05

    static func finding(_ disk: Disk) -> Finding {
        let places = disk.places.joined(separator: ", ")
        let advice =
            "See what uses the space: du -xh -d1 \(disk.path) | sort -h | tail; then delete files or enlarge the disk"
        if disk.isReadOnly {
            return .problem(
                .diskRoom, "\(places): the file system is read-only, so the controller cannot record anything",
                "Find out why: dmesg | tail; then remount it (mount -o remount,rw), or use another --state-dir")
        }
        let free = "\(amount(disk.freeBytes)) of \(amount(disk.totalBytes)) free"
        if disk.freeBytes < leastBytes {
            return .problem(
                .diskRoom, "\(places): almost no space (\(free)): soon nothing can be recorded or downloaded", advice)
        }
        if disk.totalFiles > 0, disk.freeFiles < leastFiles {
            return .problem(
                .diskRoom,
                "\(places): \(disk.freeFiles) of \(disk.totalFiles) inodes free: soon no file can be created",
                "See where many small files are: du -x --inodes -d1 \(disk.path) | sort -n | tail")
        }
        if disk.freeBytes < fewBytes || share(disk.freeBytes, disk.totalBytes) < fewShare {
            return .warning(.diskRoom, "\(places): the disk is nearly full (\(free))", advice)
        }
        if disk.totalFiles > 0, share(disk.freeFiles, disk.totalFiles) < fewShare {
            return .warning(
                .diskRoom, "\(places): \(disk.freeFiles) of \(disk.totalFiles) inodes free",
                "See where many small files are: du -x --inodes -d1 \(disk.path) | sort -n | tail")
        }
        return .ok(.diskRoom, "\(places): \(free)")
    }

    private static func share(_ part: Int64, _ whole: Int64) -> Double { whole > 0 ? Double(part) / Double(whole) : 1 }

    private static func amount(_ bytes: Int64) -> String {
        bytes >= 10 << 30 ? "\(bytes >> 30) GiB" : "\(bytes >> 20) MiB"
    }
}
