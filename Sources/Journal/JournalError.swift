import GRDB
import Transport

/// Why the journal could not be opened, read or written; its place is the journal.
package typealias JournalError = CodedError<JournalErrorCode>

package enum JournalErrorCode: String, ErrorCode {
    case diskFull
    /// Another process holds the file's lock.
    case busy
    /// The file system answers with errors.
    case inputOutput
    /// The file or its folder may not be opened or written.
    case denied
    /// Damaged while it was open. The next start moves the file aside.
    case corrupt
    case newerSchema
    /// A sound SQLite file, but somebody else's.
    case foreign
    /// SQLite refuses for a reason that is none of these.
    case refused

    package var retryClass: RetryClass {
        switch self {
        case .diskFull, .busy, .inputOutput: .transient
        case .denied: .waiting
        case .corrupt, .newerSchema, .foreign, .refused: .terminal
        }
    }
}

extension JournalError {
    init(_ error: DatabaseError, path: String) {
        let said = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        let (code, message): (Code, String) =
            switch error.resultCode {
            case .SQLITE_FULL:
                (
                    .diskFull,
                    "The disk has no room to write the journal \(path). Free some space: the controller tries again."
                )
            case .SQLITE_BUSY, .SQLITE_LOCKED:
                (.busy, "Another process holds the journal \(path). Close the other program that has it open.")
            case .SQLITE_IOERR, .SQLITE_PROTOCOL, .SQLITE_NOMEM:
                (.inputOutput, "The journal \(path) could not be read or written (\(said)). Check its disk.")
            case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
                (.denied, "The journal \(path) cannot be opened for writing (\(said)). Check its folder's permissions.")
            case .SQLITE_CORRUPT, .SQLITE_NOTADB:
                (.corrupt, "The journal \(path) is damaged (\(said)). Restart the controller: it moves the file aside.")
            default:
                (.refused, "SQLite refuses to work on the journal \(path): \(said).")
            }
        self.init(code, message, at: path)
    }

    /// Runs `body` and converts errors of SQLite to `JournalError`. Other errors pass through unchanged.
    static func mapping<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as DatabaseError { throw JournalError(error, path: path) }
    }
}
