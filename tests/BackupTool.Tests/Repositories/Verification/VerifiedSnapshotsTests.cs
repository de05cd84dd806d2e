using BackupTool.Repositories.Storage;
using BackupTool.Repositories.Verification;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Verification;

public sealed class VerifiedSnapshotsTests : IDisposable
{
    private static readonly string A = new('a', 64), B = new('b', 64);
    private readonly TemporaryDirectory _there = new();

    public void Dispose() => _there.Dispose();

    private static Evidence Report(int day, string level, string? subset, params string[] snapshots) => new()
    {
        FormatVersion = 1,
        Action = "verify",
        Time = DateTimeOffset.UnixEpoch.AddDays(day),
        Host = "here",
        Level = level,
        Subset = subset,
        Snapshots = snapshots,
        Problems = [],
        ReadBytes = 1,
    };

    private static string Verified(params Evidence[] reports) =>
        string.Join(" ", VerifiedSnapshots.From(reports).OrderBy(static pair => pair.Key).Select(static pair => $"{pair.Key[0]}{(pair.Value - DateTimeOffset.UnixEpoch).Days}"));

    [Fact]
    public void Data_and_content_prove_structure_does_not() =>
        Verified(Report(1, "structure", null, A, B), Report(2, "data", null, A), Report(3, "content", null, B)).Should().Be("a2 b3");

    [Fact]
    public void Whoever_found_something_proved_nothing() =>
        Verified(Report(1, "data", null, A, B) with { Problems = ["packs/ab/1.zst: it is missing"] }).Should().BeEmpty();

    [Fact]
    public void Parts_prove_together_what_each_of_them_saw()
    {
        Verified(Report(1, "data", "1/3", A), Report(2, "data", "2/3", A, B)).Should().BeEmpty();
        Verified(Report(1, "data", "1/3", A), Report(3, "data", "3/3", A, B), Report(2, "data", "2/3", A, B)).Should().Be("a3");
        Verified(Report(1, "data", "1/2", A), Report(2, "data", "2/3", A), Report(3, "data", "3/3", A), Report(4, "data", "2/2", A)).Should().Be("a4");
        Verified(Report(1, "data", "1/2", A), Report(2, "data", "1/2", A)).Should().BeEmpty();
        Verified(Report(1, "data", "nonsense", A), Report(2, "data", "0/0", A), Report(3, "data", "3/2", A), Report(4, "data", "1/1/1", A)).Should().BeEmpty();
        Verified(Report(1, "data", "1/1", A)).Should().Be("a1");
    }

    [Fact]
    public void What_is_found_in_a_snapshot_later_takes_its_proof_back()
    {
        Evidence bad = Report(2, "structure", null, A, B) with { Problems = [$"snapshots/{A}.json (maubot): chunk 1 is in no pack"] };
        Verified(Report(1, "data", null, A, B), bad).Should().Be("b1");
        Verified(Report(1, "data", null, A, B), bad, Report(3, "data", null, A)).Should().Be("a3 b1");
        Verified(Report(1, "data", "1/2", A), bad, Report(3, "data", "2/2", A)).Should().BeEmpty();
    }

    [Fact]
    public void What_is_found_later_counts_for_snapshots_that_were_not_asked_for_too() =>
        Verified(Report(1, "data", null, A, B), Report(2, "content", null, B) with { Problems = [$"snapshots/{A}.json (maubot): it needs a pack that is damaged"] }).Should().Be("b1");

    [Fact]
    public async Task Damaged_evidence_is_passed_over_and_named()
    {
        var storage = new LocalStorage(_there.Path);
        await EvidenceFile.WriteAsync(storage, Report(2, "data", null, B), Test.Token);
        string good = await EvidenceFile.WriteAsync(storage, Report(1, "data", null, A), Test.Token);
        string newer = await EvidenceFile.WriteAsync(storage, Report(3, "data", null, A) with { FormatVersion = 2 }, Test.Token);
        string damaged = $"evidence/{new string('0', 64)}.json";
        await storage.PutAsync(damaged, await storage.ReadAllAsync(good, 1000, Test.Token), Test.Token);
        await storage.PutAsync("evidence/notes.txt", "mine"u8.ToArray(), Test.Token);
        EvidenceList list = await EvidenceReader.ReadAsync(storage, Test.Token);
        list.Reports.Select(static report => report.Time.Day).Should().Equal(2, 3);
        list.Unreadable.Select(static problem => problem.FileName).Should().BeEquivalentTo(damaged, newer);
    }
}
