using BackupTool.Operations.Sanity;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Sanity;

public sealed class SanityCheckTests
{
    private const long MiB = 1 << 20;
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 2, 30, 0, TimeSpan.Zero);
    private readonly SanitySettings _usual = new();

    private static ServiceSize Size(long bytes, long files = 100, long? database = null) =>
        new(bytes, files, database is { } size ? new Dictionary<string, long> { ["/var/lib/x/bot.db"] = size } : []);

    private static ServicePast Past(params ServiceSize[] sizes) => new(sizes, null, null);

    [Theory]
    [InlineData(100, 51, false)]
    [InlineData(100, 49, true)]
    [InlineData(100, 0.001, true)]
    [InlineData(100, 400, false)]
    [InlineData(1.5, 0.4, true)]
    [InlineData(0.9, 0.1, false)]
    [InlineData(0.9, 0.08, true)]   // nearly all
    [InlineData(0.06, 0.001, false)]
    public void Bytes_that_dropped_by_more_than_half_and_by_a_mebibyte_or_nearly_all_are_suspicious(double before, double now, bool isSuspicious) =>
        (SanityCheck.JudgeSize(_usual, Past(Size((long)(before * MiB))), Size((long)(now * MiB)))?.IsSuspicious ?? false).Should().Be(isSuspicious);

    [Theory]
    [InlineData(100, 51, false)]
    [InlineData(100, 49, true)]
    [InlineData(12, 3, false)]
    [InlineData(12, 1, true)]
    public void So_is_a_number_of_files_that_dropped_by_more_than_half_and_by_ten(long before, long now, bool isSuspicious) =>
        (SanityCheck.JudgeSize(_usual, Past(Size(500, before)), Size(500, now))?.IsSuspicious ?? false).Should().Be(isSuspicious);

    [Fact]
    public void It_is_compared_with_the_median_so_one_large_night_accuses_nobody()
    {
        ServicePast past = Past(Size(10 * MiB), Size(10 * MiB), Size(900 * MiB), Size(11 * MiB));
        SanityCheck.JudgeSize(_usual, past, Size(9 * MiB)).Should().BeNull();
        SanityCheck.JudgeSize(_usual, past, Size(4 * MiB))!.Reason.Should().Contain("4,194,304 bytes in 100 files, where its last 4 good snapshots have 10,485,760 bytes in 100 files (median)");
    }

    [Fact]
    public void Nothing_at_all_is_always_suspicious()
    {
        SanityCheck.JudgeSize(_usual, ServicePast.None, Size(0, 0))!.Reason.Should().StartWith("holds no file at all");
        SanityCheck.JudgeSize(_usual with { ShrinkPercent = null }, Past(Size(10, 1)), Size(0, 0))!.IsSuspicious.Should().BeTrue();
        SanityCheck.JudgeSize(_usual with { ShrinkPercent = null }, Past(Size(10, 1)), Size(0, 1))!.Reason.Should().Be("is suspiciously small: 1 file, all of them empty, where its last good snapshot has 10 bytes");
        SanityCheck.JudgeSize(_usual, Past(Size(0, 1)), Size(0, 1)).Should().BeNull("it was so before");
        SanityCheck.JudgeSize(_usual, new ServicePast([Size(10 * MiB)], null, Start), Size(0, 0))!.IsSuspicious.Should().BeTrue("a wipe leaves something");
    }

    [Fact]
    public void A_database_that_is_damaged_and_was_not_in_the_last_good_snapshot_is_suspicious()
    {
        ServicePast past = Past(Size(10)) with { DamagedBefore = new HashSet<string> { "/old.db" } };
        SanityCheck.JudgeDamage(_usual, past, ["/old.db"]).Should().BeNull("it was so before, and counted as good");
        SanityCheck.JudgeDamage(_usual, past, ["/old.db", "/b.db", "/a.db"]).Should().Be(new SanityFinding(
            "has 2 damaged databases, as its last good snapshot has not: /a.db, /b.db", IsSuspicious: true, "If that is meant, 'backup now --accept-suspicious' says so"));
        SanityCheck.JudgeDamage(_usual with { IsOn = false }, past, ["/a.db"]).Should().BeNull();
        SanityCheck.JudgeDamage(_usual, ServicePast.None, ["/a.db"]).Should().BeNull("nobody knows that it was ever better");
    }

    [Fact]
    public void A_first_snapshot_is_compared_with_nothing_and_a_service_may_have_other_bounds()
    {
        SanityCheck.JudgeSize(_usual, ServicePast.None, Size(1, 1)).Should().BeNull();
        SanityCheck.JudgeSize(_usual with { ShrinkPercent = 90 }, Past(Size(100 * MiB)), Size(20 * MiB)).Should().BeNull();
        SanityCheck.JudgeSize(_usual with { ShrinkPercent = 90 }, Past(Size(100 * MiB)), Size(9 * MiB)).Should().NotBeNull();
        SanityCheck.JudgeSize(_usual with { ShrinkPercent = null }, Past(Size(100 * MiB)), Size(1)).Should().BeNull();
        SanityCheck.JudgeSize(_usual with { IsOn = false }, Past(Size(100 * MiB)), Size(0, 0)).Should().BeNull();
    }

    [Fact]
    public void A_database_that_shrank_is_seen_among_media_that_did_not()
    {
        ServicePast past = Past(Size(5000 * MiB, 900, 200 * MiB), Size(5001 * MiB, 901), Size(5002 * MiB, 902, 210 * MiB));

        SanityCheck.JudgeSize(_usual, past, Size(4800 * MiB, 902, 64 * 1024))!.Reason.Should()
            .Be("has a suspiciously small database: /var/lib/x/bot.db has 65,536 bytes, and 209,715,200 in its last 2 good snapshots (median)");
        SanityCheck.JudgeSize(_usual, past, Size(4800 * MiB, 902, 150 * MiB)).Should().BeNull();
        SanityCheck.JudgeSize(_usual, past, Size(4800 * MiB, 902)).Should().BeNull("its size is not known");
    }

    [Fact]
    public void After_a_restore_or_wipe_it_is_a_warning_that_says_so_and_not_suspicious()
    {
        SanityFinding finding = SanityCheck.JudgeSize(_usual, new ServicePast([Size(10 * MiB)], null, Start), Size(MiB))!;

        finding.IsSuspicious.Should().BeFalse();
        finding.Reason.Should().Contain("restored in place or wiped after").And.Contain("from now on it is compared with what it is now");
    }

    [Fact]
    public void The_past_is_the_good_snapshots_of_this_host()
    {
        ServicePast.Of([
            Stored(1, 10), Stored(2, 20), Stored(3, 1, service => service.Facts["suspicious"] = "small"), Stored(4, 5, host: "another"), Stored(5, 6, quiesce: "imported"), Stored(6, 30),
        ], "here", "bot").Sizes.Select(static size => size.Bytes).Should().Equal(10, 20, 30);
        ServicePast.Of(Enumerable.Range(1, 20).Select(day => Stored(day, day)), "here", "bot").Sizes.Select(static size => size.Bytes).Should().Equal(14, 15, 16, 17, 18, 19, 20);
        ServicePast.Of([Stored(1, 10)], "here", "other").Should().BeEquivalentTo(ServicePast.None);
    }

    [Fact]
    public void A_restore_begins_a_new_past_with_the_first_good_snapshot_after_it()
    {
        StoredSnapshot[] before = [Stored(1, 100), Stored(2, 100, labels: "pre-wipe")];

        ServicePast.Of(before, "here", "bot").Should().BeEquivalentTo(new { Sizes = new[] { new { Bytes = 100L } }, ReplacedAt = Start.AddDays(2) });
        ServicePast.Of([.. before, Stored(3, 0, service => service.Facts["suspicious"] = "empty")], "here", "bot").ReplacedAt.Should().NotBeNull("nothing good came yet");
        ServicePast.Of([.. before, Stored(3, 7)], "here", "bot").Should().BeEquivalentTo(new { Sizes = new[] { new { Bytes = 7L } }, ReplacedAt = (DateTimeOffset?)null });
        ServicePast.Of([Stored(1, 100), Stored(2, 7, service => service.Facts["accepted"] = "as meant"), Stored(3, 8)], "here", "bot").Sizes.Select(static size => size.Bytes).Should().Equal(7, 8);
    }

    [Fact]
    public void Since_when_nothing_has_changed_is_handed_on()
    {
        ServiceSnapshot first = Stored(1, 10).Snapshot.Services[0];
        SanityCheck.UnchangedSince(null, default, first.Archive).Should().BeNull();
        SanityCheck.UnchangedSince(first, Start, first.Archive).Should().Be(Start);
        SanityCheck.UnchangedSince(first, Start, first.Archive with { ChunkList = ["another"] }).Should().BeNull();

        first.Facts["unchanged-since"] = Start.AddDays(-3).UtcDateTime.ToString("O");
        SanityCheck.UnchangedSince(first, Start, first.Archive).Should().Be(Start.AddDays(-3));
        SanityCheck.IsStill(_usual, Start, Start.AddDays(14)).Should().BeFalse();
        SanityCheck.IsStill(_usual, Start, Start.AddDays(14.1)).Should().BeTrue();
        SanityCheck.IsStill(_usual with { UnchangedAfter = null }, Start, Start.AddDays(999)).Should().BeFalse();
        SanityCheck.IsStill(_usual with { IsOn = false }, Start, Start.AddDays(999)).Should().BeFalse();
    }

    private static StoredSnapshot Stored(int day, long bytes, Action<ServiceSnapshot>? change = null, string host = "here", string quiesce = "stop", string? labels = null) =>
        SomeSnapshots.Make(Start.AddDays(day), host, labels is null ? [] : [labels], SomeSnapshots.Service("bot", bytes, 10, quiesce, change));
}
