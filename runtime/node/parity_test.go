package node_test

import (
	"sync"
	"testing"
)

// parity are behaviours that every build must show over every transport: group,
// name, and what happens.
var parity = []struct {
	name string
	run  func(x *trial)
}{
	{"streams/smoke/SendRecv", sendRecv},
	{"streams/smoke/SubscriptionTriggersCatalogSync", subscriptionTriggersCatalogSync},
	{"streams/smoke/CustomStreamID", customStreamID},
	{"streams/smoke/CustomDatumEncoding", customDatumEncoding},
	{"streams/smoke/StreamDef", streamDef},
	{"streams/stats/Producer", statsProducer},
	{"streams/stats/Consumer", statsConsumer},
	{"streams/producer/auth/RequireChaining", producerRequireChaining},
	{"streams/producer/auth/ByTag", producerByTag},
	{"streams/producer/auth/ByJWTTicket", producerByJWTTicket},
	{"streams/producer/builder/MultipleProducersOneStream", multipleProducersOneStream},
	{"streams/producer/limits/MaxSubs", maxSubs},
	{"streams/producer/limits/OnlineWhen", producerOnlineWhen},
	{"streams/producer/rtt/RequireRTTAcceptsFastPeers", producerAcceptsFastPeers},
	{"streams/producer/rtt/RequireRTTRejectsSlowPeers", producerRejectsSlowPeers},
	{"streams/producer/when/Smoke", producerWhen},
	{"streams/producer/when/SendFailsIfOffline", sendFailsIfOffline},
	{"streams/consumer/auth/RequireChaining", consumerRequireChaining},
	{"streams/consumer/auth/ByTag", consumerByTag},
	{"streams/consumer/auth/ByJWTTicket", consumerByJWTTicket},
	{"streams/consumer/auth/DynamicTagReevaluation", dynamicTagReevaluation},
	{"streams/consumer/rtt/RequireRTTAcceptsFastPeers", consumerAcceptsFastPeers},
	{"streams/consumer/rtt/RequireRTTRejectsSlowPeers", consumerRejectsSlowPeers},
	{"streams/consumer/when/Smoke", consumerWhen},
	{"streams/consumer/when/OnlineWhen", consumerOnlineWhen},
	{"streams/consumer/when/OnlineWhenCatalogRemoval", onlineWhenCatalogRemoval},
	{"streams/consumer/when/OnlineWhenDefaultIsImmediate", onlineWhenDefaultIsImmediate},
	{"streams/declare/Simple", declareSimple},
	{"streams/declare/Named", declareNamed},
	{"streams/declare/Configured", declareConfigured},
	{"streams/declare/ConstID", declareConstID},
	{"streams/declare/ProducerOnly", declareProducerOnly},
	{"streams/declare/ProducerRequire", declareProducerRequire},
	{"streams/declare/ConsumerRequire", declareConsumerRequire},
	{"streams/declare/RequireTicket", declareRequireTicket},
	{"streams/declare/ProducerRequireTicket", declareProducerRequireTicket},
	{"streams/declare/ConsumerRequireTicket", declareConsumerRequireTicket},
	{"streams/declare/MultipleRequireTicket", declareMultipleRequireTicket},
	{"tickets/jwt/StreamConsumer", jwtStreamConsumer},
	{"tickets/jwt/StreamConsumerTicketExpiry", consumerTicketExpiry},
	{"tickets/jwt/StreamProducer", jwtStreamProducer},
	{"tickets/jwt/StreamProducerTicketExpiry", producerTicketExpiry},
	{"tickets/jwt/StreamConsumerMultipleValidators", consumerMultipleValidators},
	{"tickets/jwt/StreamProducerMultipleValidators", producerMultipleValidators},
	{"tickets/jwt/ES256AsymmetricTickets", es256Tickets},
	{"tickets/jwt/ES256HexConstKey", es256HexConstKey},
	{"tickets/jwt/ES256DefinedStreamHexKey", es256DefinedStreamHexKey},
	{"discovery/catalog/ConvergeWithBootstrap", convergeWithBootstrap},
	{"discovery/catalog/ManualSyncTrigger", manualSyncTrigger},
	{"discovery/catalog/DifferentNetworksAreIsolated", differentNetworksAreIsolated},
	{"discovery/depart/GracefulDeparture", gracefulDeparture},
	{"discovery/depart/StalePeersArePurged", stalePeersArePurged},
	{"gaps/LaggingDisconnect", laggingDisconnect},
	{"gaps/LaggingDropNewest", laggingDropNewest},
	{"gaps/LaggingDropOldest", laggingDropOldest},
	{"gaps/UndeliveredSink", undeliveredSink},
	{"gaps/EncodeFailure", encodeFailure},
	{"gaps/BackPressure", backPressure},
	{"gaps/SlowReader", slowReader},
	{"gaps/CloseOfASlowReader", closeOfASlowReader},
	{"gaps/SendWhileOfflineThenOnline", sendWhileOfflineThenOnline},
	{"gaps/ShutdownCodesAndLoss", shutdownCodesAndLoss},
	{"gaps/ShutdownGivesUp", shutdownGivesUp},
	{"gaps/BackoffPerCloseReason", backoffPerCloseReason},
	{"gaps/NoCapacityRetryTiming", noCapacityRetryTiming},
	{"gaps/HandshakeTimeout", handshakeTimeout},
	{"gaps/ProtocolViolation", protocolViolation},
	{"gaps/TicketRenewal", ticketRenewal},
	{"gaps/RevocationOnTheProducer", revocationOnTheProducer},
	{"gaps/MaxRTT", maxRTT},
	{"gaps/FarConsumerGetsNothing", farConsumerGetsNothing},
	{"gaps/FarProducerGivesNothing", farProducerGivesNothing},
	{"gaps/NearAtTheBorder", nearAtTheBorder},
	{"gaps/ClockSteps", clockSteps},
	{"gaps/PurgeOfUnsignedEntries", purgeOfUnsignedEntries},
	{"gaps/DepartureRaces", departureRaces},
	{"gaps/ClosedInOrder", closedInOrder},
	{"gaps/CutShort", cutShort},
	{"gaps/SilentProducer", silentProducer},
	{"gaps/EventCounts", eventCounts},
	{"gaps/TwoConsumersInOneNode", twoConsumersInOneNode},
	{"gaps/OwnStream", ownStream},
	{"gaps/EntryFollowsStreams", entryFollowsStreams},
	{"gaps/TooManyStreams", tooManyStreams},
	{"gaps/SamePeerTwice", samePeerTwice},
	{"gaps/DuplicateIDsWithOtherTypes", duplicateIDsWithOtherTypes},
}

func TestParityOverNetsim(t *testing.T) {
	for _, p := range parity {
		t.Run(p.name, func(t *testing.T) { inWorld(t, p.run) })
	}
}

// atOnce is how many trials run on this machine at the same time: most of their
// time they wait.
const atOnce = 8

func TestParityOverQUIC(t *testing.T) {
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, p := range parity {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			t.Run(p.name, func(t *testing.T) { onMachine(t, p.run) })
		})
	}
	all.Wait()
}
