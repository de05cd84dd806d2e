using System.Security.Cryptography;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Pruning;

namespace BackupTool.Tests.Repositories.Pruning;

public class PrunePlanTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 2, 30, 0, TimeSpan.Zero);
    private static readonly PruneOptions Options = new();

    private static ChunkId Chunk(int number) => new(SHA256.HashData(BitConverter.GetBytes(number)));

    private static HashSet<ChunkId> Chunks(params int[] numbers) => [.. numbers.Select(Chunk)];

    private static PackUse Pack(int number, params int[] chunks) => Pack(number, 100, chunks);

    private static PackUse Pack(int number, int length, IEnumerable<int> chunks)
    {
        var packed = new List<PackedChunk>();
        foreach (int chunk in chunks) packed.Add(new PackedChunk(Chunk(chunk), (long)packed.Count * length, length, length));
        return new PackUse(PackId.FromDigest(SHA256.HashData(BitConverter.GetBytes(1_000_000 + number))), ((long)packed.Count * length) + PackTable.Bytes(packed.Count), true, null, packed);
    }

    private static PackVerdict Judge(PrunePlan plan, PackUse pack) => plan.Verdicts.Single(verdict => verdict.Pack.Id == pack.Id);

    private static PackFate FateOf(PackUse pack, HashSet<ChunkId> referenced, PruneOptions? options = null) => Judge(PrunePlan.Make([pack], referenced, Now, options ?? Options), pack).Fate;

    [Fact]
    public void A_pack_that_nothing_needs_is_marked_waits_and_goes_when_the_grace_period_is_over()
    {
        PackUse pack = Pack(1, 1, 2);
        PackVerdict marked = Judge(PrunePlan.Make([pack], Chunks(), Now, Options), pack);
        (marked.Fate, marked.RemovableAt, marked.WasteBytes).Should().Be((PackFate.Mark, Now + Options.Grace, 200L));
        FateOf(pack with { MarkedAt = Now - TimeSpan.FromHours(23.9) }, Chunks()).Should().Be(PackFate.Wait);
        FateOf(pack with { MarkedAt = Now - TimeSpan.FromHours(24) }, Chunks()).Should().Be(PackFate.Remove);
        FateOf(pack with { MarkedAt = Now + TimeSpan.FromHours(1) }, Chunks()).Should().Be(PackFate.Mark, "a clock that was set back must not keep it for ever");
        FateOf(pack, Chunks(), Options with { Grace = TimeSpan.Zero }).Should().Be(PackFate.Remove);
    }

    [Fact]
    public void A_marked_pack_that_is_needed_again_stays_without_its_mark_however_old_that_is()
    {
        FateOf(Pack(1, 1, 2) with { MarkedAt = Now - TimeSpan.FromDays(400) }, Chunks(1, 2)).Should().Be(PackFate.Unmark);
        FateOf(Pack(1, 1, 2), Chunks(1, 2)).Should().Be(PackFate.Keep);
    }

    [Fact]
    public void A_pack_with_more_waste_than_allowed_is_packed_anew_the_worst_first_within_the_bound()
    {
        PackUse worst = Pack(1, 1, 2, 3, 4, 5), bad = Pack(2, 11, 12, 13, 14, 15), fair = Pack(3, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
        HashSet<ChunkId> referenced = Chunks(1, 11, 12, 21, 22, 23, 24, 25, 26, 27);
        PrunePlan all = PrunePlan.Make([fair, worst, bad], referenced, Now, Options);
        all.With(PackFate.Repack).Select(static v => v.Pack.Id).Should().BeEquivalentTo([worst.Id, bad.Id]);
        Judge(all, fair).Fate.Should().Be(PackFate.Keep, "30 % is not more than 30 %");
        PrunePlan bounded = PrunePlan.Make([fair, worst, bad], referenced, Now, Options with { MaxRepackBytes = worst.Bytes + bad.Bytes - 1 });
        bounded.With(PackFate.Repack).Single().Pack.Id.Should().Be(worst.Id);
        Judge(bounded, bad).Reason.Should().Contain("60 % waste").And.Contain("no bytes left");
        PrunePlan.Make([fair, worst, bad], referenced, Now, Options with { MaxWaste = 1 }).With(PackFate.Repack).Should().BeEmpty();
    }

    [Fact]
    public void Of_two_copies_the_one_in_a_pack_that_stays_anyway_is_kept()
    {
        PackUse needed = Pack(1, 1, 2, 3, 4), copy = Pack(2, 1, 2, 3);
        PrunePlan plan = PrunePlan.Make([copy, needed], Chunks(1, 2, 3, 4), Now, Options);
        (Judge(plan, needed).Fate, Judge(plan, copy).Fate).Should().Be((PackFate.Keep, PackFate.Mark));
    }

    [Fact]
    public void What_was_packed_anew_is_not_needed_for_the_copies_that_it_holds()
    {
        PackUse first = Pack(1, 1, 2, 91, 92, 93), second = Pack(2, 3, 4, 94, 95, 96), anew = Pack(3, 1, 2, 3, 4);
        HashSet<ChunkId> referenced = Chunks(1, 2, 3, 4);
        PrunePlan plan = PrunePlan.Make([first, second, anew], referenced, Now, Options);
        Judge(plan, anew).Fate.Should().Be(PackFate.Keep);
        plan.With(PackFate.Mark).Select(static v => v.Pack.Id).Should().BeEquivalentTo([first.Id, second.Id]);
        // One chunk of an old pack is needed again: only that chunk is packed anew.
        PrunePlan again = PrunePlan.Make([first with { MarkedAt = Now }, second with { MarkedAt = Now }, anew], Chunks(1, 2, 3, 4, 91), Now, Options);
        (Judge(again, first).Fate, Judge(again, first).LiveBytes, Judge(again, anew).Fate, Judge(again, second).Fate).Should().Be((PackFate.Repack, 100L, PackFate.Keep, PackFate.Wait));
    }

    [Fact]
    public void Copies_in_packs_that_are_marked_or_not_indexed_are_the_last_choice()
    {
        PackUse indexed = Pack(1, 1, 2, 3, 91), marked = Pack(2, 1, 2, 3) with { MarkedAt = Now }, orphan = Pack(3, 1, 2, 3) with { IsIndexed = false };
        PrunePlan plan = PrunePlan.Make([orphan, marked, indexed], Chunks(1, 2, 3), Now, Options);
        (Judge(plan, indexed).Fate, Judge(plan, marked).Fate, Judge(plan, orphan).Fate).Should().Be((PackFate.Keep, PackFate.Wait, PackFate.Mark));
        plan = PrunePlan.Make([orphan, marked], Chunks(1, 2, 3), Now, Options);
        (Judge(plan, marked).Fate, Judge(plan, orphan).Fate).Should().Be((PackFate.Unmark, PackFate.Mark));
    }

    [Fact]
    public void Nothing_is_planned_when_a_referenced_chunk_is_in_no_pack() =>
        FluentActions.Invoking(() => PrunePlan.Make([Pack(1, 1)], Chunks(1, 2), Now, Options)).Should().Throw<ArgumentException>();

    /// <summary>Random packs with copies, random references, marks and options.</summary>
    [Fact]
    public void No_plan_ever_removes_the_last_copy_of_a_referenced_chunk()
    {
        for (int round = 0; round < 3000; round++)
        {
            var random = new Random(round);
            int chunkCount = random.Next(1, 40);
            List<PackUse> packs = [];
            for (int i = random.Next(1, 12); i > 0; i--)
            {
                int[] held = [.. Enumerable.Range(0, chunkCount).Where(_ => random.Next(4) == 0).DefaultIfEmpty(0)];
                packs.Add(Pack((round * 100) + i, random.Next(1, 400), held) with
                {
                    IsIndexed = random.Next(4) != 0,
                    MarkedAt = random.Next(3) == 0 ? Now - TimeSpan.FromHours(random.Next(-5, 60)) : null,
                });
            }
            HashSet<ChunkId> referenced = [.. packs.SelectMany(static pack => pack.Chunks).Select(static chunk => chunk.Id).Where(_ => random.Next(3) == 0)];
            var options = new PruneOptions { Grace = TimeSpan.FromHours(random.Next(3) * 12), MaxWaste = random.NextDouble(), MaxRepackBytes = random.Next(20_000) };
            PrunePlan plan = PrunePlan.Make(packs, referenced, Now, options);

            var kept = plan.Verdicts.Where(static v => v.Fate is PackFate.Keep or PackFate.Unmark or PackFate.Repack).ToList();
            // Plain conditions: assertions on collections would take most of the time.
            var homes = kept.Select(static v => v.Pack.Id).ToHashSet();
            var stays = kept.SelectMany(static v => v.Pack.Chunks).Select(static c => c.Id).ToHashSet();
            stays.IsSupersetOf(referenced).Should().BeTrue($"round {round}: a chunk that is needed stays");
            referenced.All(chunk => homes.Contains(plan.HomeOf(chunk)!.Id)).Should().BeTrue($"round {round}: and in the pack that it is said to stay in");
            kept.TrueForAll(v => v.Pack.Chunks.Any(c => referenced.Contains(c.Id))).Should().BeTrue($"round {round}: what nothing needs does not stay");
            (plan.With(PackFate.Repack).Sum(static v => v.Pack.Bytes) <= options.MaxRepackBytes).Should().BeTrue($"round {round}");
            plan.With(PackFate.Remove).All(v => options.Grace == TimeSpan.Zero || Now - v.Pack.MarkedAt >= options.Grace).Should().BeTrue($"round {round}: the grace period is over");
            List<PackUse> shuffled = [.. packs.OrderBy(_ => random.Next())];
            PrunePlan.Make(shuffled, referenced, Now, options).Verdicts.Select(static v => (v.Pack.Id, v.Fate, v.LiveBytes)).SequenceEqual(plan.Verdicts.Select(static v => (v.Pack.Id, v.Fate, v.LiveBytes))).Should().BeTrue($"round {round}: the order does not matter");
        }
    }
}
