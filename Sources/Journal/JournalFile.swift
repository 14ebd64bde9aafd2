import Foundation
import GRDB

/// The journal's file: created, checked, opened, and moved aside when it is damaged.
struct JournalFile {
    /// How long opening waits for another process's lock. Once open, the lock is held until the file is closed.
    static let busyTimeoutSeconds = 0.25
    /// Files up to this size get a full check when they are opened. Larger files get a check that does not compare
    /// indexes with tables.
    static let largestFullCheckBytes = 256 << 20
    /// After a checkpoint, the write-ahead log is truncated to this size.
    static let walSizeLimitBytes = 16 << 20
    /// With more damaged files than this, the cause is one that moving files aside does not cure.
    static let mostDamagedFiles = 100

    var path: String

    /// - Returns: the open database, and, if the file was damaged, a description of what happened.
    func open() throws -> (database: DatabaseQueue, recovered: String?) {
        try createFolderAndFile()
        do {
            return (try connect(), nil)
        } catch let error as JournalError where error.code == .corrupt {
            let aside = try moveAside()
            try createFolderAndFile()
            let recovered =
                "The journal \(path) was damaged (\(error.message)) and is now \(aside). "
                + "A new one was started: models keep serving, but rollouts in progress and the history start again."
            return (try connect(), recovered)
        }
    }

    /// The folder gets mode 0700 if it is created here; the file always gets 0600: states and events name models and
    /// people.
    private func createFolderAndFile() throws {
        let folder = (path as NSString).deletingLastPathComponent
        do {
            if !folder.isEmpty {
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
        } catch {
            throw denied("The journal's folder \(folder) cannot be created: \(error.localizedDescription)")
        }
        // An existing file is not opened here: closing it would drop the locks of any other connection in this process.
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            close(descriptor)
        } else if errno != EEXIST || chmod(path, 0o600) != 0 {
            throw denied("The journal \(path) cannot be created or made private: \(String(cString: strerror(errno)))")
        }
    }

    private func denied(_ what: String) -> JournalError {
        JournalError(.denied, "\(what). Check the permissions, or choose another --state-dir.", at: path)
    }

    private func connect() throws -> DatabaseQueue {
        try JournalError.mapping(path) {
            try refuseOrphanedLog()
            try inspect()
            var configuration = Self.exclusive
            configuration.label = "journal"
            configuration.foreignKeysEnabled = true
            configuration.journalMode = .wal
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.writeWithoutTransaction { db in
                // Write-ahead logs start with NORMAL, under which a power cut can undo the last commits.
                try db.execute(sql: "PRAGMA synchronous = FULL")
                try db.execute(sql: "PRAGMA journal_size_limit = \(Self.walSizeLimitBytes)")
            }
            try JournalSchema.migrator.migrate(queue)
            return queue
        }
    }

    /// One connection with exclusive access to the file.
    ///
    /// Without exclusive mode, SQLite maps the log's index from a file (`-shm`). If the folder then becomes read-only,
    /// or the disk fails, the next write ends the process with SIGBUS. In exclusive mode the index is in the heap. The
    /// mode has to be set before the first read.
    private static var exclusive: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(busyTimeoutSeconds)
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        return configuration
    }

    /// SQLite deletes the log of an empty file without reading it. Here that log may be all that is left of a journal.
    private func refuseOrphanedLog() throws {
        func size(_ path: String) throws -> Int {
            try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        }
        guard try size(path) == 0, FileManager.default.fileExists(atPath: path + "-wal"), try size(path + "-wal") > 0
        else { return }
        throw JournalError(.corrupt, "the file is empty but its log is not", at: path)
    }

    /// Checks the file before anything is changed: whether it is a journal, whether its schema is known, and whether it
    /// is damaged.
    private func inspect() throws {
        let queue = try DatabaseQueue(path: path, configuration: Self.exclusive)
        defer { try? queue.close() }
        try queue.read { db in
            try refuseForeign(db)
            if try JournalSchema.migrator.hasBeenSuperseded(db) {
                throw JournalError(
                    .newerSchema,
                    "The journal \(path) was written by a newer mlctl. "
                        + "Use that version, or another --state-dir.", at: path)
            }
            let bytes = try Int.fetchOne(
                db, sql: "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            let check = (bytes ?? 0) <= Self.largestFullCheckBytes ? "integrity_check" : "quick_check"
            let said = try String.fetchOne(db, sql: "PRAGMA \(check)(1)") ?? "ok"
            guard said == "ok" else { throw JournalError(.corrupt, said, at: path) }
        }
    }

    private func refuseForeign(_ db: Database) throws {
        let applicationId = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        if applicationId == JournalSchema.applicationId { return }
        // No application id: the file is new, or a start was interrupted before its first migration.
        let tables = try Int.fetchOne(
            db,
            sql: "SELECT count(*) FROM sqlite_master WHERE name NOT GLOB 'grdb_*' AND name NOT GLOB 'sqlite_*'")
        guard applicationId != 0 || tables != 0 else { return }
        throw JournalError(
            .foreign,
            "\(path) is a database of another program. Move it away, or choose another --state-dir.", at: path)
    }

    /// Nothing is deleted: a person may want to look into the damaged file.
    ///
    /// - Returns: the file's new path.
    private func moveAside() throws -> String {
        let candidates = (1...Self.mostDamagedFiles).lazy.map { "\(path).corrupt-\($0)" }
        let suffixes = ["-wal", "-shm", ""]
        let files = FileManager.default
        guard
            let aside = candidates.first(where: { path in suffixes.allSatisfy { !files.fileExists(atPath: path + $0) } }
            )
        else {
            throw JournalError(
                .inputOutput,
                "The journal \(path) is damaged, and so were \(Self.mostDamagedFiles) before it. "
                    + "Check its disk and move away the .corrupt files.", at: path)
        }
        // The log first: if it stayed, it would be taken for the new file's log.
        for suffix in suffixes where files.fileExists(atPath: path + suffix) {
            guard rename(path + suffix, aside + suffix) == 0 else {
                throw denied("The damaged journal \(path) cannot be moved aside: \(String(cString: strerror(errno)))")
            }
        }
        return aside
    }
}
