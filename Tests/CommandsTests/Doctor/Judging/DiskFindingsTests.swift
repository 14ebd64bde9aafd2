import Testing

@testable import Commands

@Suite("The doctor's findings on disks") struct DiskFindingsTests {
    private func severity(
        free: Int64, of total: Int64, files: Int64 = 1_000_000, totalFiles: Int64 = 2_000_000, readOnly: Bool = false
    ) -> Finding.Severity {
        DiskFindings.finding(
            .init(
                places: ["state folder /s"], path: "/s", freeBytes: free, totalBytes: total, freeFiles: files,
                totalFiles: totalFiles, isReadOnly: readOnly)
        ).severity
    }

    @Test("full, nearly full, enough space; by bytes and by inodes")
    func room() {
        #expect(severity(free: 50 << 30, of: 100 << 30) == .ok)
        #expect(severity(free: 4 << 30, of: 100 << 30) == .warning)
        #expect(severity(free: (256 << 20) - 1, of: 1 << 30) == .warning)
        #expect(severity(free: (32 << 20) - 1, of: 1 << 30) == .problem)
        #expect(severity(free: 50 << 30, of: 100 << 30, files: 999) == .problem)
        #expect(severity(free: 50 << 30, of: 100 << 30, files: 99_999) == .warning)
        #expect(severity(free: 50 << 30, of: 100 << 30, files: 0, totalFiles: 0) == .ok)
        #expect(severity(free: 50 << 30, of: 100 << 30, readOnly: true) == .problem)
    }
}
