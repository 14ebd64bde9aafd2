import GRDB

/// The tables, and the migrations of older files. A released migration is never edited; changes go into a new one.
enum JournalSchema {
    /// Stored in the file's header, so that another program's database is not taken for a journal: "mlcj".
    static let applicationId: Int32 = 0x6D6C_636A

    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1-state-and-events") { db in
            try db.execute(sql: "PRAGMA application_id = \(applicationId)")
            // A deleted record stays as a row without a state, and its version keeps rising. So a version that was read
            // before the deletion never matches a later record of the same name.
            try db.execute(
                sql: """
                    CREATE TABLE deployment (
                        namespace TEXT NOT NULL,
                        name TEXT NOT NULL,
                        version INTEGER NOT NULL CHECK (version > 0),
                        state BLOB,
                        PRIMARY KEY (namespace, name)
                    ) STRICT;

                    CREATE TABLE event (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        namespace TEXT NOT NULL,
                        name TEXT NOT NULL,
                        at_seconds REAL NOT NULL,
                        kind TEXT NOT NULL,
                        body TEXT NOT NULL,
                        FOREIGN KEY (namespace, name) REFERENCES deployment (namespace, name)
                    ) STRICT;

                    CREATE INDEX event_of_deployment ON event (namespace, name, id);
                    CREATE INDEX event_at ON event (at_seconds);
                    """)
        }
        migrator.registerMigration("2-outcomes") { db in try db.execute(sql: JournalStore.outcomeMigration) }
        migrator.registerMigration("3-readings") { db in try db.execute(sql: JournalStore.readingMigration) }
        migrator.registerMigration("4-copies") { db in try db.execute(sql: JournalStore.copyMigration) }
        migrator.registerMigration("5-audit-links", migrate: JournalStore.addAuditLinks)
        return migrator
    }()
}
